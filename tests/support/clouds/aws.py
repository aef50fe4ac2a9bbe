"""The part of Amazon's API that logs in to registries, on loopback: it checks every signature as AWS does.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from support.listener import HttpListener, HttpReply, ListeningService, ReceivedRequest

KEY, SECRET = "AKIDEXAMPLE", "the-secret-key"
PRIVATE, PUBLIC = "AmazonEC2ContainerRegistry_V20150921", "SpencerFrontendService"
MAX_SKEW = timedelta(minutes=5)
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(\S+?)/(\d{8})/(\S+?)/(\S+?)/aws4_request, SignedHeaders=(\S+), "
)


@dataclass
class FakeAws(ListeningService):
    """A login service that accepts requests signed with KEY and SECRET, in one region."""

    region: str = "eu-west-1"
    password: str = "a-password"
    expires: float = 4102444800.0
    """Seconds since 1970."""
    logins: list[str] = field(default_factory=list)
    """Service and region of every login that was granted."""

    def __post_init__(self) -> None:
        self._listener = HttpListener(self._answer)

    def serve(self, monkeypatch: pytest.MonkeyPatch, secret: str = SECRET) -> None:
        """Let this process find the API here, with credentials for it."""
        for variable, value in {
            "AWS_ENDPOINT_URL_ECR": self._listener.url,
            "AWS_ENDPOINT_URL_ECR_PUBLIC": self._listener.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": secret,
        }.items():
            monkeypatch.setenv(variable, value)

    def _answer(self, received: ReceivedRequest) -> HttpReply:
        found = _AUTHORIZATION.match(received.headers.get("authorization", ""))
        if found is None:
            return _error("MissingAuthenticationTokenException")
        key, _, region, service, signed = found.groups()
        signed_at = datetime.strptime(received.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if abs(datetime.now(UTC) - signed_at) > MAX_SKEW:
            return _error("RequestExpired")
        if received.headers.keys() & {"x-amz-security-token", "cookie", "proxy-authorization"}:
            return _error("UnrecognizedClientException")
        target = f"{PUBLIC if service == 'ecr-public' else PRIVATE}.GetAuthorizationToken"
        if key != KEY or not self._is_signed(received, region, service, signed):
            return _error("InvalidSignatureException")
        if region != ("us-east-1" if service == "ecr-public" else self.region):
            return _error("UnrecognizedClientException")
        if received.headers["x-amz-target"] != target:
            return _error("UnknownOperationException")
        self.logins.append(f"{service} {region}")
        token = base64.b64encode(f"AWS:{self.password}".encode()).decode()
        data = {"authorizationToken": token, "expiresAt": self.expires}
        return _json(200, {"authorizationData": data if service == "ecr-public" else [data]})

    def _is_signed(self, received: ReceivedRequest, region: str, service: str, signed: str) -> bool:
        """Sign the request again, and compare."""
        headers = {name: received.headers[name] for name in signed.split(";")}
        request = AWSRequest("POST", f"{self._listener.url}/", headers=headers, data=received.body)
        request.context["timestamp"] = received.headers["x-amz-date"]
        signer = SigV4Auth(Credentials(KEY, SECRET), service, region)
        signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
        return received.headers["authorization"].endswith(f"Signature={signature}")


def _json(status: int, document: object) -> HttpReply:
    return HttpReply(status, json.dumps(document).encode(), {"Content-Type": "application/x-amz-json-1.1"})


def _error(code: str) -> HttpReply:
    return _json(400, {"__type": code, "message": f"refused {SECRET}"})
