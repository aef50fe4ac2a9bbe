"""An emulator of Microsoft Entra on loopback: tokens for applications by secret, certificate or federation.

Beside it stand the places where others say who somebody is: the OIDC endpoints of GitHub and of Azure Pipelines, and
the one that App Service gives to its containers. Both Azure's libraries and the emulated registry take it as it is;
everything that does not fit is refused.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from support.listener import HttpListener, HttpReply, ReceivedRequest
from support.registries.docker_registry import SelfSignedCertificate

REGISTRIES = "https://containerregistry.azure.net"
RESOURCE_MANAGER = "https://management.azure.com"
GOVERNMENT_MANAGER = "https://management.usgovcloudapi.net"
CHINA_MANAGER = "https://management.chinacloudapi.cn"
AZURE_DEVOPS = "499b84ac-1321-427f-aa17-267ca6975798"
RESOURCES = frozenset({REGISTRIES, RESOURCE_MANAGER, GOVERNMENT_MANAGER, CHINA_MANAGER, AZURE_DEVOPS})
"""What tokens are issued for; the emulator plays the Entra of every cloud."""
FEDERATION = "api://AzureADTokenExchange"
TENANT = "7a3cbd7a-57fb-4a4c-a1c5-8c5d1e2f0a01"
CLIENT = "5d0f7c0e-4c0d-4b2c-9d57-0c5f6e7a8b02"
SECRET = "s3cret~of.an-application"
GITHUB = "repo:acme/fleet:ref:refs/heads/main"
WORKLOAD = "system:serviceaccount:basebump:default"
PIPELINE = "sc://acme/platform/basebump"
REQUEST_TOKEN = "token-of-a-workflow-run"
JOB_TOKEN = "token-of-a-pipeline-job"
CONNECTION = "0c1d2e3f-4a5b-4c6d-8e9f-a0b1c2d3e4f5"
IDENTITY_HEADER = "header-of-a-container"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class RefusedError(Exception):
    """The emulator refuses a request, with the status and the error code of the response."""

    def __init__(self, status: int, code: str, said: str, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.code, self.said, self.headers = status, code, said, headers or {}
        super().__init__(said)


@dataclass(frozen=True, slots=True)
class EntraApplication:
    """An application that is registered in the tenant, and its credentials."""

    secret: str | None = SECRET
    certificate: rsa.RSAPublicKey | None = None
    federated: frozenset[str] = frozenset({GITHUB, WORKLOAD, PIPELINE})
    """Subjects that other issuers can vouch for."""


@dataclass
class FakeEntra:
    """One tenant of one cloud, over https, from `with` to the end of it."""

    certificate: SelfSignedCertificate
    applications: Mapping[str, EntraApplication] = field(default_factory=lambda: {CLIENT: EntraApplication()})
    lifetime: timedelta = timedelta(hours=1)

    def __post_init__(self) -> None:
        self._key, self._federation_key = secrets.token_bytes(32), secrets.token_bytes(32)
        self._listener = HttpListener(self._answer, self.certificate)
        self._container = HttpListener(self._answer_container)

    def __enter__(self) -> Self:
        self._listener.__enter__()
        self._container.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._container.__exit__()
        self._listener.__exit__()

    @property
    def url(self) -> str:
        return self._listener.url

    @property
    def asked(self) -> list[str]:
        return [*self._listener.asked, *self._container.asked]

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment that every login needs, without the credential."""
        return {
            "AZURE_AUTHORITY_HOST": self.url,
            "AZURE_TENANT_ID": TENANT,
            "AZURE_CLIENT_ID": CLIENT,
            "SSL_CERT_FILE": str(self.certificate.path),
        }

    @property
    def workflow(self) -> dict[str, str]:
        """Return the environment that GitHub gives to a job with `id-token: write`."""
        return {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/github/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
        }

    @property
    def pipeline(self) -> dict[str, str]:
        """Return the environment of an Azure Pipelines task with a service connection."""
        return {
            "AZURESUBSCRIPTION_CLIENT_ID": CLIENT,
            "AZURESUBSCRIPTION_TENANT_ID": TENANT,
            "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": CONNECTION,
            "SYSTEM_OIDCREQUESTURI": f"{self.url}/oidctoken",
            "SYSTEM_ACCESSTOKEN": JOB_TOKEN,
        }

    @property
    def container(self) -> dict[str, str]:
        """Return the environment that App Service gives to a container with an identity."""
        return {"IDENTITY_ENDPOINT": f"{self._container.url}/msi/token", "IDENTITY_HEADER": IDENTITY_HEADER}

    @property
    def machine(self) -> dict[str, str]:
        """Return the address of the metadata service, which has a fixed address on a real machine."""
        return {"AZURE_POD_IDENTITY_AUTHORITY_HOST": self._container.url}

    def token(self, audience: str = REGISTRIES, *, client: str = CLIENT, tenant: str = TENANT, age: int = 0) -> str:
        """Return a token as this Entra issues them, `age` seconds ago."""
        issued = datetime.now(UTC) - timedelta(seconds=age)
        claims = {
            "aud": audience,
            "iss": f"{self.url}/{tenant}/v2.0",
            "tid": tenant,
            "appid": client,
            "iat": issued,
            "nbf": issued,
            "exp": issued + self.lifetime,
        }
        return jwt.encode(claims, self._key, algorithm="HS256")

    def read(self, token: str, audience: str = REGISTRIES) -> dict[str, Any]:
        """Return the claims of a token for an audience. Raises jwt.PyJWTError."""
        return jwt.decode(token, self._key, algorithms=["HS256"], audience=audience)

    def build_federated_token(self, subject: str, audience: str = FEDERATION, *, age: int = 0) -> str:
        """Return a token of another issuer that this Entra believes: GitHub, or a cluster."""
        issued = datetime.now(UTC) - timedelta(seconds=age)
        claims = {"aud": audience, "sub": subject, "iat": issued, "exp": issued + timedelta(minutes=10)}
        return jwt.encode(claims, self._federation_key, algorithm="HS256")

    def _answer(self, received: ReceivedRequest) -> HttpReply:
        try:
            return _json(200, self._route(received))
        except RefusedError as refused:
            return _json(refused.status, {"error": refused.code, "error_description": refused.said})

    def _route(self, received: ReceivedRequest) -> dict[str, Any]:
        path = urlsplit(received.path).path
        if path == "/github/token":
            return {"value": self._for_workflow(received)}
        if (received.method, path) == ("POST", "/oidctoken"):
            return {"oidcToken": self._for_pipeline(received)}
        tenant, _, rest = path.strip("/").partition("/")
        if tenant != TENANT:
            raise RefusedError(400, "invalid_request", f"AADSTS90002: Tenant '{tenant}' not found.")
        match received.method, rest:
            case "GET", "v2.0/.well-known/openid-configuration":
                return self._discovery()
            case "POST", "oauth2/v2.0/token":
                answer = {"token_type": "Bearer", "expires_in": int(self.lifetime.total_seconds())}
                return answer | {"access_token": self._grant(received)}
        raise RefusedError(404, "not_found", received.path)

    def _discovery(self) -> dict[str, str]:
        base = f"{self.url}/{TENANT}"
        return {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
        }

    def _grant(self, received: ReceivedRequest) -> str:
        if "authorization" in received.headers:
            raise RefusedError(400, "invalid_request", "AADSTS900144: credentials in a header and in the form")
        form = {key: values[0] for key, values in parse_qs(received.body.decode()).items()}
        client = form.get("client_id", "")
        application = self.applications.get(client)
        if form.get("grant_type") != "client_credentials":
            raise RefusedError(400, "unsupported_grant_type", "AADSTS70003: unsupported grant")
        if application is None:
            raise RefusedError(400, "unauthorized_client", f"AADSTS700016: Application '{client}' was not found")
        if "client_secret" in form:
            if form["client_secret"] != application.secret:
                raise RefusedError(401, "invalid_client", "AADSTS7000215: Invalid client secret provided")
        elif form.get("client_assertion_type") == _ASSERTION:
            self._prove(application, form["client_assertion"])
        else:
            raise RefusedError(401, "invalid_client", "AADSTS7000218: nothing proves who this is")
        resource, slash, default = form.get("scope", "").rpartition("/")
        if not slash or default != ".default" or resource not in RESOURCES:
            raise RefusedError(400, "invalid_scope", f"AADSTS70011: the scope {form.get('scope')} is not valid")
        return self.token(resource, client=client)

    def _prove(self, application: EntraApplication, assertion: str) -> None:
        if application.certificate and jwt.get_unverified_header(assertion)["alg"] != "HS256":
            key, algorithms, audience = application.certificate, ["PS256", "RS256"], self._discovery()["token_endpoint"]
        else:
            key, algorithms, audience = self._federation_key, ["HS256"], FEDERATION
        try:
            claims = jwt.decode(assertion, key, algorithms=algorithms, audience=audience)
        except jwt.ExpiredSignatureError:
            raise RefusedError(401, "invalid_client", "AADSTS700024: the assertion is not within its time") from None
        except jwt.InvalidAudienceError:
            raise RefusedError(401, "invalid_client", "AADSTS700212: the audience of the assertion is wrong") from None
        except jwt.PyJWTError:
            raise RefusedError(401, "invalid_client", "AADSTS700027: the assertion is wrongly signed") from None
        if audience == FEDERATION and claims["sub"] not in application.federated:
            raise RefusedError(401, "invalid_client", f"AADSTS700213: no federated identity matches {claims['sub']}")

    def _for_workflow(self, received: ReceivedRequest) -> str:
        if received.headers.get("authorization") != f"Bearer {REQUEST_TOKEN}":
            raise RefusedError(401, "unauthorized", "the request token is wrong")
        query = parse_qs(urlsplit(received.path).query)
        return self.build_federated_token(GITHUB, query["audience"][0])

    def _for_pipeline(self, received: ReceivedRequest) -> str:
        """Answer as Azure DevOps does to a job that may use a service connection."""
        if received.headers.get("authorization") != f"Bearer {JOB_TOKEN}":
            raise RefusedError(401, "unauthorized", "the token of the job is wrong")
        if parse_qs(urlsplit(received.path).query) != {"api-version": ["7.1"], "serviceConnectionId": [CONNECTION]}:
            raise RefusedError(400, "bad request", received.path)
        return self.build_federated_token(PIPELINE)

    def _answer_container(self, received: ReceivedRequest) -> HttpReply:
        """Answer as App Service does, and as the metadata service of a virtual machine.

        https://learn.microsoft.com/azure/app-service/overview-managed-identity
        """
        split = urlsplit(received.path)
        query = {key: values[0] for key, values in parse_qs(split.query).items()}
        is_machine = split.path == "/metadata/identity/oauth2/token" and received.headers.get("metadata") == "true"
        if not is_machine and received.headers.get("x-identity-header") != IDENTITY_HEADER:
            return _json(401, {"error": "unauthorized", "error_description": "the identity header is wrong"})
        if query.get("client_id", CLIENT) not in self.applications:
            return _json(400, {"error": "invalid_request", "error_description": "no such identity is assigned"})
        expires = int((datetime.now(UTC) + self.lifetime).timestamp())
        answer = {"access_token": self.token(query["resource"]), "expires_on": str(expires), "token_type": "Bearer"}
        answer |= {"expires_in": str(int(self.lifetime.total_seconds()))} if is_machine else {}
        return _json(200, answer | {"resource": query["resource"]})


def _json(status: int, document: object) -> HttpReply:
    return HttpReply(status, json.dumps(document).encode(), {"Content-Type": "application/json"})
