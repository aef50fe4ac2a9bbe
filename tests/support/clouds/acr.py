"""An emulator of Azure Container Registry over https on loopback, which Azure's own library takes as it is.

Tokens as in https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md and …/Token-BasicAuth.md; what it recorded of
images as in the API that `azure-containerregistry` speaks. Whatever does not fit is refused: a wrong host, service,
scope, audience or tenant, a token that ran out, and every credential that nobody asked for.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

import jwt
from support.clouds.acr_content import AcrContent, AcrManifest, AcrRepository, AcrTag, ChangeableAttributes
from support.clouds.entra import CLIENT, TENANT, FakeEntra, RefusedError
from support.listener import HttpListener, HttpReply, ReceivedRequest
from support.registries.docker_registry import SelfSignedCertificate

TOKEN_USER = "00000000-0000-0000-0000-000000000000"
READ = frozenset({"pull", "metadata_read"})
REFRESH_LIFETIME, ACCESS_LIFETIME = timedelta(hours=3), timedelta(minutes=75)
LIFECYCLE = "application/vnd.microsoft.artifact.lifecycle"
_SCOPE = re.compile(r"repository:([a-z0-9._/-]+):([a-z_,*]+)|registry:catalog:\*")
_PLACES = (
    re.compile(r"/v2/(?P<name>.+)/(?P<what>manifests|blobs|referrers)/(?P<reference>[^/]+)"),
    re.compile(r"/v2/(?P<name>.+)/(?P<what>tags)/list"),
    re.compile(r"/acr/v1/(?P<name>.+)/(?P<what>_tags|_manifests)(?:/(?P<reference>[^/]+))?"),
)


@dataclass(frozen=True, slots=True)
class AcrIdentity:
    """An identity that can log in to the registry, and its roles."""

    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Actions by repository; `*` is all of them."""

    def may(self, repository: str) -> frozenset[str]:
        return self.roles.get(repository, self.roles.get("*", frozenset()))


ACR_PULL = AcrIdentity({"*": READ})
"""The role AcrPull, which a registry with attribute-based access does not honour."""


ANYBODY = AcrIdentity({"*": READ})
"""Anonymous pull, which shows tags and what was recorded as well."""


def repository_reader(*repositories: str) -> AcrIdentity:
    """Return an identity with the role Container Registry Repository Reader on some repositories."""
    return AcrIdentity(dict.fromkeys(repositories, READ))


@dataclass
class FakeAcr:
    """One registry and its data endpoint, from `with` to the end of it."""

    certificate: SelfSignedCertificate
    entra: FakeEntra
    name: str = "127.0.0.1"
    """The host without its port: `contoso.azurecr.us`, which only a resolver of the test knows."""
    anonymous: AcrIdentity | None = None
    """What anybody may, where anonymous pull is on."""
    abac: bool = False
    identities: Mapping[str, AcrIdentity] = field(default_factory=lambda: {CLIENT: ACR_PULL})
    """By the client's ID."""
    logins: Mapping[tuple[str, str], AcrIdentity] = field(default_factory=dict)
    """By name and password: the admin user, scope-map tokens, service principals."""
    page: int = 100
    """Entries of a list on one page."""
    refresh_lifetime: timedelta = REFRESH_LIFETIME

    def __post_init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._signature = secrets.token_hex(8)
        self.content = AcrContent()
        self._listener = HttpListener(self._answer, self.certificate)
        self._data = HttpListener(self._answer_data, self.certificate)
        self.push, self.attach = self.content.push, self.content.attach

    def __enter__(self) -> Self:
        self._listener.__enter__()
        self._data.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._data.__exit__()
        self._listener.__exit__()

    @property
    def host(self) -> str:
        return f"{self.name}:{self._listener.port}"

    @property
    def url(self) -> str:
        return f"https://{self.host}"

    @property
    def received(self) -> list[ReceivedRequest]:
        return self._listener.received

    @property
    def asked(self) -> list[str]:
        """Method and path of every request, without its query."""
        return [one.partition("?")[0] for one in self._listener.asked]

    @property
    def data_asked(self) -> list[ReceivedRequest]:
        return self._data.received

    def access_token(self, scope: str, *, age: int = 0, audience: str | None = None) -> str:
        """Return a token that this registry issued for a scope, `age` seconds ago."""
        return self._sign("access", ACCESS_LIFETIME, {"scope": scope}, age=age, audience=audience)

    def refresh_token(self, *, age: int = 0, audience: str | None = None) -> str:
        return self._sign("refresh", self.refresh_lifetime, {"client": CLIENT}, age=age, audience=audience)

    def _sign(
        self, kind: str, lifetime: timedelta, claims: dict[str, Any], *, age: int = 0, audience: str | None = None
    ) -> str:
        issued = datetime.now(UTC) - timedelta(seconds=age)
        times = {"iat": issued, "nbf": issued, "exp": issued + lifetime}
        return jwt.encode({"aud": audience or self.host, "kind": kind} | times | claims, self._key, algorithm="HS256")

    def _read(self, token: str, kind: str) -> dict[str, Any]:
        try:
            claims = jwt.decode(token, self._key, algorithms=["HS256"], audience=self.host)
        except jwt.PyJWTError as error:
            raise _unauthorized(f"the {kind} token is refused: {error}") from None
        if claims["kind"] != kind:
            raise _unauthorized(f"this is no {kind} token")
        return claims

    def _answer(self, received: ReceivedRequest) -> HttpReply:
        try:
            return self._route(received)
        except RefusedError as refused:
            errors = {"errors": [{"code": refused.code, "message": refused.said}]}
            return _json(refused.status, errors, refused.headers)

    def _route(self, received: ReceivedRequest) -> HttpReply:
        if received.headers.get("host") != self.host:
            raise RefusedError(421, "UNKNOWN", f"{received.headers.get('host')} is another registry")
        path = urlsplit(received.path).path
        if path == "/oauth2/exchange" and received.method == "POST":
            return _json(200, {"refresh_token": self._exchange(received)})
        if path == "/oauth2/token" and received.method in {"GET", "POST"}:
            return _json(200, {"access_token": self._token(received)})
        if received.method not in {"GET", "HEAD"}:
            raise RefusedError(405, "UNSUPPORTED", "this registry is only read")
        return self._read_content(received, path)

    # ---- tokens --------------------------------------------------------------------------------------------------

    def _exchange(self, received: ReceivedRequest) -> str:
        form = _form(received)
        _no_credentials(received)
        if form.pop("grant_type", None) != "access_token":
            raise RefusedError(400, "UNSUPPORTED", "the grant must be access_token")
        self._require_own_service(form.pop("service", ""))
        try:
            claims = self.entra.read(form.pop("access_token", ""))
        except jwt.PyJWTError as error:
            raise _unauthorized(f"Entra's token is refused: {error}") from None
        if {claims["tid"], form.pop("tenant", TENANT)} != {TENANT}:
            raise _unauthorized("the tenant is not this registry's")
        if form:
            raise RefusedError(400, "UNSUPPORTED", f"nobody asked for {', '.join(form)}")
        if claims["appid"] not in self.identities:
            raise _unauthorized("the identity has no role on this registry")
        return self._sign("refresh", self.refresh_lifetime, {"client": claims["appid"]})

    def _token(self, received: ReceivedRequest) -> str:
        """Issue an access token for one scope, with as much of it as its owner has (which may be nothing)."""
        form = _form(received)
        self._require_own_service(form.get("service", ""))
        scope = _SCOPE.fullmatch(form.get("scope", ""))
        if scope is None:
            raise RefusedError(400, "UNSUPPORTED", f"{form.get('scope')!r} is no scope")
        identity = self._login(received) if received.method == "GET" else self._grant(received, form)
        if scope[1] is None:
            return self._sign("access", ACCESS_LIFETIME, {"scope": ""})
        granted = set(scope[2].split(",")) & identity.may(scope[1])
        return self._sign(
            "access", ACCESS_LIFETIME, {"scope": f"repository:{scope[1]}:{','.join(granted)}" if granted else ""}
        )

    def _grant(self, received: ReceivedRequest, form: dict[str, str]) -> AcrIdentity:
        _no_credentials(received)
        match form.get("grant_type"):
            case "refresh_token":
                return self._identity(form.get("refresh_token", ""))
            case "password" if "username" not in form and self.anonymous:
                return self.anonymous
        raise _unauthorized("authentication required")

    def _login(self, received: ReceivedRequest) -> AcrIdentity:
        """Return the identity of a user name and a password; without them, the anonymous identity."""
        scheme, _, encoded = received.headers.get("authorization", "").partition(" ")
        if not scheme:
            if self.anonymous:
                return self.anonymous
            raise _unauthorized("authentication required")
        user, _, password = base64.b64decode(encoded).decode().partition(":") if scheme == "Basic" else ("", "", "")
        if user == TOKEN_USER:
            return self._identity(password)
        if (user, password) not in self.logins:
            raise _unauthorized("invalid username or password")
        return self.logins[user, password]

    def _identity(self, refresh_token: str) -> AcrIdentity:
        """Return the identity of a refresh token; attribute-based access ignores roles for the whole registry."""
        identity = self.identities.get(self._read(refresh_token, "refresh")["client"], AcrIdentity())
        return AcrIdentity() if self.abac and "*" in identity.roles else identity

    def _require_own_service(self, service: str) -> None:
        if service != self.host:
            raise RefusedError(400, "UNSUPPORTED", f"the service {service!r} is not this registry")

    # ---- content -------------------------------------------------------------------------------------------------

    def _read_content(self, received: ReceivedRequest, path: str) -> HttpReply:
        place = next(filter(None, (pattern.fullmatch(path) for pattern in _PLACES)), None)
        if place is None:
            self._admit(received, "", "")
            return _json(200, {"repositories": sorted(self.content.repositories)} if path.endswith("_catalog") else {})
        found = place.groupdict()
        name, what, reference = unquote(found["name"]), found["what"], unquote(found.get("reference") or "")
        self._admit(received, name, "pull" if what in {"manifests", "blobs", "referrers"} else "metadata_read")
        repository = self.content.repositories.get(name)
        if repository is None:
            raise RefusedError(404, "NAME_UNKNOWN", "repository name not known to registry")
        match what:
            case "manifests":
                return _manifest(repository, reference)
            case "blobs":
                location = f"{self._data.url}/{reference}?sig={self._signature}"
                return HttpReply(307, b"", {"Location": location})
            case "referrers":
                return _referrers(repository, reference, received)
            case "tags":
                return self._list(received, f"/v2/{name}/tags/list", "tags", sorted(repository.tags))
            case "_manifests":
                items = [_manifest_attributes(repository, digest) for digest in sorted(repository.manifests)]
                if "orderby=timedesc" in received.path:
                    items.sort(key=lambda each: each["lastUpdateTime"], reverse=True)
                return self._recorded(received, name, "manifest", reference, items)
            case _:
                tags = [_tag_attributes(tag, repository.tags[tag]) for tag in sorted(repository.tags)]
                return self._recorded(received, name, "tag", reference, tags)

    def _admit(self, received: ReceivedRequest, name: str, action: str) -> None:
        catalog = "registry:catalog:*" if received.path.partition("?")[0].endswith("_catalog") else ""
        scope = f"repository:{name}:{action}" if name else catalog
        challenge = f'Bearer realm="{self.url}/oauth2/token",service="{self.host}"'
        asks = {"WWW-Authenticate": challenge + (f',scope="{scope}"' if scope else "")}
        scheme, _, token = received.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer":
            raise RefusedError(401, "UNAUTHORIZED", "authentication required", asks)
        try:
            granted = self._read(token, "access")["scope"]
        except RefusedError as refused:
            raise RefusedError(401, "UNAUTHORIZED", refused.said, asks) from None
        _, _, rest = granted.partition(":")
        allowed, _, actions = rest.rpartition(":")
        if catalog and granted != catalog:
            raise RefusedError(401, "UNAUTHORIZED", "the token is not for the catalog", asks)
        if name and (allowed != name or action not in actions.split(",")):
            raise RefusedError(401, "UNAUTHORIZED", f"the token is not for {scope}", asks)

    def _recorded(
        self, received: ReceivedRequest, name: str, kind: str, reference: str, items: list[dict[str, Any]]
    ) -> HttpReply:
        about = {"registry": self.host, "imageName": name}
        if reference:
            key = "name" if kind == "tag" else "digest"
            for item in items:
                if item[key] == reference:
                    return _json(200, about | {kind: item})
            raise RefusedError(404, f"{kind.upper()}_UNKNOWN", f"the specified {kind} does not exist")
        return self._list(received, f"/acr/v1/{quote(name, safe='')}/_{kind}s", f"{kind}s", items, about)

    def _list(
        self, received: ReceivedRequest, path: str, key: str, items: list[Any], about: dict[str, str] | None = None
    ) -> HttpReply:
        """Answer with one page, and where the next one is, relative to this host."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(received.path).query).items()}
        size, begin = min(int(query.get("n", self.page)), self.page), int(query.get("last", 0))
        page, rest = items[begin : begin + size], items[begin + size :]
        link = {"Link": f'<{path}?last={begin + size}&n={size}>; rel="next"'} if rest else {}
        return _json(200, (about or {}) | {key: page}, link)

    def _answer_data(self, received: ReceivedRequest) -> HttpReply:
        """Answer as the storage behind the registry, which accepts only its own signature as credential."""
        split = urlsplit(received.path)
        if "authorization" in received.headers:
            return _json(400, {"error": "InvalidAuthenticationInfo"})
        if parse_qs(split.query).get("sig") != [self._signature]:
            return _json(403, {"error": "AuthenticationFailed"})
        blob = self.content.blobs.get(split.path.strip("/"))
        return HttpReply(404) if blob is None else HttpReply(200, blob, {"Content-Type": "application/octet-stream"})


def _manifest(repository: AcrRepository, reference: str) -> HttpReply:
    tag = repository.tags.get(reference)
    digest = tag.digest if tag else reference
    stored = repository.manifests.get(digest)
    if stored is None:
        raise RefusedError(404, "MANIFEST_UNKNOWN", f"manifest tagged by {reference!r} is not found")
    return HttpReply(200, stored.content, {"Content-Type": stored.media_type, "Docker-Content-Digest": digest})


def _referrers(repository: AcrRepository, digest: str, received: ReceivedRequest) -> HttpReply:
    wanted = parse_qs(urlsplit(received.path).query).get("artifactType")
    found = [
        {"digest": each, "mediaType": stored.media_type, "size": len(stored.content)}
        | {"artifactType": stored.artifact_type, "annotations": dict(stored.annotations)}
        for each, stored in repository.manifests.items()
        if stored.subject == digest and (not wanted or stored.artifact_type in wanted)
    ]
    media_type = "application/vnd.oci.image.index.v1+json"
    body = json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": found}).encode()
    return HttpReply(200, body, {"Content-Type": media_type, "OCI-Filters-Applied": "artifactType"})


def _manifest_attributes(repository: AcrRepository, digest: str) -> dict[str, Any]:
    stored: AcrManifest = repository.manifests[digest]
    return {
        "digest": digest,
        "imageSize": len(stored.content),
        "createdTime": _time(stored.pushed),
        "lastUpdateTime": _time(stored.pushed),
        "mediaType": stored.media_type,
        "tags": [name for name, tag in repository.tags.items() if tag.digest == digest],
        "changeableAttributes": _flags(stored.flags),
    }


def _tag_attributes(name: str, tag: AcrTag) -> dict[str, Any]:
    times = {"createdTime": _time(tag.pushed), "lastUpdateTime": _time(tag.moved)}
    return {"name": name, "digest": tag.digest, "signed": False, "changeableAttributes": _flags(tag.flags)} | times


def _flags(flags: ChangeableAttributes) -> dict[str, bool]:
    return {"deleteEnabled": flags.delete, "writeEnabled": flags.write, "readEnabled": True, "listEnabled": True}


def _time(moment: datetime) -> str:
    """Write a time as Azure does, with seven digits of a second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "7Z"


def _form(received: ReceivedRequest) -> dict[str, str]:
    text = received.body.decode() if received.method == "POST" else urlsplit(received.path).query
    return {key: " ".join(values) for key, values in parse_qs(text).items()}


def _no_credentials(received: ReceivedRequest) -> None:
    if "authorization" in received.headers:
        raise RefusedError(400, "UNSUPPORTED", "nobody asked for an Authorization header")


def _unauthorized(said: str) -> RefusedError:
    return RefusedError(401, "UNAUTHORIZED", said)


def _json(status: int, document: object, headers: Mapping[str, str] | None = None) -> HttpReply:
    content_type = {"Content-Type": "application/json; charset=utf-8"}
    return HttpReply(status, json.dumps(document).encode(), content_type | dict(headers or {}))
