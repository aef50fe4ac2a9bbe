"""A token server for docker-registry on loopback, which records its requests."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from support.listener import HttpListener, HttpReply, ListeningService, ReceivedRequest

ISSUER = "a token server of a test"
SERVICE = "a registry of a test"
PUSHER = "pusher"


class TokenServer(ListeningService):
    """Issues tokens to `users` for all repositories, and to anonymous users for `public` ones.

    https://distribution.github.io/distribution/spec/auth/jwt/
    """

    def __init__(
        self,
        folder: Path,
        users: Mapping[str, str] | None = None,
        *,
        identity_token: str | None = None,
        public: bool = True,
        expires_in: int = 300,
    ) -> None:
        self._users = dict(users or {})
        self._identity_token, self._public, self._expires_in = identity_token, public, expires_in
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = _certificate(self._key)
        self._bundle = folder / "token-server.pem"
        self._bundle.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))
        self._listener = HttpListener(self._answer)

    @property
    def host(self) -> str:
        return self._listener.host

    @property
    def block(self) -> dict[str, str]:
        """Return the part of docker-registry's config that trusts this server."""
        realm = f"{self._listener.url}/token"
        return {"realm": realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": str(self._bundle)}

    @property
    def scopes(self) -> list[str]:
        """The scope of every token that was asked for."""
        return [scope for received in self.received for scope in _words(received).get("scope", [])]

    def bearer(self, repository: str, actions: str = "pull,push") -> str:
        """Return an Authorization header that allows pushes to docker-registry."""
        return f"Bearer {self._issue(PUSHER, [f'repository:{repository}:{actions}'])}"

    def _answer(self, received: ReceivedRequest) -> HttpReply:
        words = _words(received)
        user = ""
        scheme, _, encoded = received.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            user, _, password = base64.b64decode(encoded).decode().partition(":")
            if self._users.get(user) != password:
                return _json(401, {"errors": [{"code": "UNAUTHORIZED", "message": f"wrong password {password}"}]})
        if received.method == "POST":
            if self._identity_token is None or words.get("refresh_token") != [self._identity_token]:
                return _json(401, {"errors": [{"code": "UNAUTHORIZED", "message": "wrong token"}]})
            user = "<token>"
        token = self._issue(user, words.get("scope", []))
        return _json(200, {"token": token, "expires_in": self._expires_in})

    def _issue(self, user: str, scopes: list[str]) -> str:
        granted = []
        for scope in scopes:
            kind, rest = scope.split(":", 1)
            name, actions = rest.rsplit(":", 1)
            allowed = actions.split(",") if user else ["pull"] if self._public else []
            granted.append({"type": kind, "name": name, "actions": allowed})
        now = datetime.now(UTC)
        claims = {
            "iss": ISSUER,
            "sub": user,
            "aud": SERVICE,
            "iat": now,
            "nbf": now - timedelta(seconds=5),
            "exp": now + timedelta(seconds=self._expires_in),
            "jti": f"{len(self.received)}",
            "access": granted,
        }
        chain = [base64.b64encode(self._certificate.public_bytes(serialization.Encoding.DER)).decode()]
        return jwt.encode(claims, self._key, algorithm="ES256", headers={"x5c": chain})


def _words(received: ReceivedRequest) -> dict[str, list[str]]:
    """Return the parameters of a GET, or the form of a POST."""
    return parse_qs(received.body.decode() if received.method == "POST" else urlsplit(received.path).query)


def _json(status: int, document: object) -> HttpReply:
    return HttpReply(status, json.dumps(document).encode(), {"Content-Type": "application/json"})


def _certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "token server")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
