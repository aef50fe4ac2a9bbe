"""Google's token service for one service account, which checks requests as Google does.

https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs

import jwt
import requests
import responses
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

TOKEN_URI = "https://oauth2.googleapis.com/token"
EMAIL = "bot@acme.example"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@cache
def _key() -> rsa.RSAPrivateKey:
    """Make one key for all tests: it takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class GoogleTokens:
    """Answers at TOKEN_URI wherever `responses` is active."""

    def __init__(self, token: str = "ya29.token") -> None:
        self.token = token
        self.received: list[requests.PreparedRequest] = []
        self._key = _key()
        responses.add_callback(responses.POST, TOKEN_URI, callback=self._answer, content_type="application/json")

    def write_key_file(self, path: Path, **words: str) -> Path:
        """Write the key file of a service account; `words` replace its values."""
        account = {
            "type": "service_account",
            "project_id": "acme",
            "private_key_id": "1",
            "private_key": self.pem,
            "client_email": EMAIL,
            "token_uri": TOKEN_URI,
        }
        path.write_text(json.dumps(account | words))
        return path

    @property
    def pem(self) -> str:
        encryption = serialization.NoEncryption()
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        ).decode()

    def _answer(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        self.received.append(request)
        body = request.body or b""
        words = parse_qs(body if isinstance(body, str) else body.decode())
        (assertion,) = words.get("assertion", [""])
        try:
            claims = jwt.decode(
                assertion,
                self._key.public_key(),
                algorithms=["RS256"],
                audience=TOKEN_URI,
                issuer=EMAIL,
                options={"require": ["exp", "iat"]},
            )
        except jwt.InvalidTokenError:
            return self._refused(assertion)
        if claims.get("scope") != SCOPE or words.get("grant_type") != [GRANT] or "Authorization" in request.headers:
            return self._refused(assertion)
        return 200, {}, json.dumps({"access_token": self.token, "expires_in": 3600, "token_type": "Bearer"})

    @staticmethod
    def _refused(assertion: str) -> tuple[int, dict[str, str], str]:
        return 400, {}, json.dumps({"error": "invalid_grant", "error_description": f"refused {assertion}"})
