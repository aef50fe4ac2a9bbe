"""Authenticates requests to registries, with Basic authentication or with Bearer tokens from a token server.

The URL of a token server (its realm) comes from the challenge in the registry's response, and may point anywhere.
Therefore a token server is not trusted by default. `bot.net` decides whether basebump may contact the server at all.
This module decides whether the server may receive the credential. This is allowed if the realm is on the registry's own
origin, if it is the known token server of a public registry, or if it is listed under `trusted_realms`.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, assert_never
from urllib.parse import urlencode

from bot.model.errors import RegistryError
from bot.model.vocabulary import Reason
from bot.net import HttpClient, HttpError, Response, Url
from bot.registries.challenge import AuthChallenge, parse_challenges, parse_realm
from bot.registries.credentials import Credential, IdentityToken, PasswordLogin
from bot.registries.endpoints import HUB_API, RegistryEndpoint
from bot.registries.keychain import Keychain
from bot.registries.pull_quotas import PullQuotas
from bot.registries.response_errors import make_refusal_error, make_unanswered_error
from bot.registries.token_lifetime import parse_lifetime

CLIENT_ID = "basebump"
TOKEN_SERVER = "the token server"
MAX_TOKEN_ANSWER = 64 * 1024
"""The largest response of a token server, in bytes. Tokens have a few thousand bytes."""
DEFAULT_LIFETIME = 60
"""The lifetime, in seconds, that the specification defines as default and minimum
(https://distribution.github.io/distribution/spec/auth/token/)."""
MAX_LIFETIME = 3600
"""The longest time, in seconds, for which a token is used. A token with a longer lifetime is renewed after this
time."""
LIFETIME_USED = 0.9
"""The share of a token's lifetime after which the token is renewed. The rest allows for clock skew and slow
responses."""
KNOWN_REALMS: dict[str, frozenset[str]] = {
    HUB_API: frozenset({"auth.docker.io"}),
    "docker.elastic.co": frozenset({"docker-auth.elastic.co"}),
    "nvcr.io": frozenset({"authn.nvidia.com"}),
    "registry.gitlab.com": frozenset({"gitlab.com"}),
}
"""The token servers of public registries whose token server is on another host, by the registry's API host."""

_TOKEN = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class RegistryRequest:
    """A request to a registry."""

    method: str
    path: str
    """The path and query, such as `/v2/…`."""
    repository: str
    """The repository that the token is for, with the mirror's prefix. Empty for a request that only tests the login."""
    limit: int
    """The largest response body, in bytes."""
    accept: str | None = None
    etag: str | None = None
    """The ETag of an earlier response. If the ETag is still current, the registry responds with status 304."""
    actions: str = "pull"
    """The permission that the token must have: `pull` or `METADATA_READ`."""

    @property
    def description(self) -> str:
        """The requested object, for messages, such as `library/python/manifests/3.12`.

        The query is left out, because the URLs of further pages contain a query that the server chose.
        """
        return self.path.removeprefix("/v2/").partition("?")[0] or "a login"

    @property
    def is_pull(self) -> bool:
        """True if a registry with a pull quota counts this request as a pull.

        https://docs.docker.com/docker-hub/usage/pulls/
        """
        return self.method == "GET" and "/manifests/" in self.path


@dataclass(frozen=True, slots=True)
class _TokenKey:
    """The key of a cached token: everything on which a token depends, such as the token server, scope and login."""

    host: str
    realm: str
    service: str
    scope: str
    identity: str


@dataclass(slots=True)
class _TokenSlot:
    """The cached token for one `_TokenKey`.

    While one thread holds the lock and fetches the token, other threads wait.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    value: str = field(default="", repr=False)
    expires: float = 0.0

    def invalidate(self, header: str) -> None:
        """Mark the cached token as expired if `header`, an Authorization header, contains this token.

        If another thread has already replaced the token, nothing changes.
        """
        with self.lock:
            if header == f"Bearer {self.value}":
                self.expires = 0.0


@dataclass(slots=True)
class _HostState:
    """The state of a host: whether it was contacted, and the challenge in its last response with status 401."""

    first_request_lock: threading.Lock = field(default_factory=threading.Lock)
    """Held during the first request to a host, so that concurrent threads do not all send unauthenticated requests
    first."""
    was_contacted: bool = False
    challenge: AuthChallenge | None = None


@dataclass(frozen=True, slots=True)
class _RequestAuthorization:
    """The Authorization header of a request, and the credential that the header is based on."""

    header: str = field(repr=False)
    credential: Credential | None = None
    """The credential that was sent or exchanged for a token; None if no credential was used."""
    distrusted_realm: str | None = None
    """The realm that did not receive the credential because it is not trusted; None otherwise."""
    cached_token: _TokenSlot | None = None
    """The cache slot of the token, if the token was already cached before this request. The token may have been revoked
    since then."""

    @property
    def secrets(self) -> tuple[str, ...]:
        return self.header.partition(" ")[2], *_list_secrets(self.credential)


class RegistryAuthenticator:
    """Sends requests to registries with the credential that they require. Thread-safe."""

    def __init__(self, http: HttpClient, keychain: Keychain, now: Callable[[], float] = time.monotonic) -> None:
        self._http = http
        self._keychain = keychain
        self._now = now
        self._lock = threading.Lock()
        self._hosts: dict[str, _HostState] = {}
        self._tokens: dict[_TokenKey, _TokenSlot] = {}
        self._quotas = PullQuotas()

    def send_request(self, endpoint: RegistryEndpoint, request: RegistryRequest) -> Response:
        """Send a request and return its response. If the registry requires authentication, authenticate first.

        Raises RegistryError if there is no response, if the final response has status 401 or 403, or if the pull quota
        is used up.
        """
        if request.is_pull:
            with self._quotas.reserve_pull(endpoint):
                return self._send_in_turn(endpoint, request)
        return self._send_in_turn(endpoint, request)

    def has_login_challenge(self, endpoint: RegistryEndpoint) -> bool:
        """Return True if the registry has ever required a login in this run."""
        with self._lock:
            state = self._hosts.get(endpoint.host)
        return state is not None and state.challenge is not None

    def _send_in_turn(self, endpoint: RegistryEndpoint, request: RegistryRequest) -> Response:
        with self._lock:
            state = self._hosts.setdefault(endpoint.host, _HostState())
        if not state.was_contacted:
            with state.first_request_lock:
                if not state.was_contacted:
                    try:
                        return self._send_authenticated(endpoint, request, state)
                    finally:
                        state.was_contacted = True
        return self._send_authenticated(endpoint, request, state)

    def _send_authenticated(self, endpoint: RegistryEndpoint, request: RegistryRequest, state: _HostState) -> Response:
        authorization = self._authorize_request(endpoint, request, state.challenge) if state.challenge else None
        response = self._send_once(endpoint, request, authorization)
        if response.status == HTTPStatus.UNAUTHORIZED and authorization and authorization.cached_token:
            authorization.cached_token.invalidate(authorization.header)
            authorization = None
            response = self._send_once(endpoint, request, None)
        if response.status == HTTPStatus.UNAUTHORIZED and authorization is None:
            state.challenge = _choose_challenge(response)
            authorization = self._authorize_request(endpoint, request, state.challenge) if state.challenge else None
            if authorization:
                response = self._send_once(endpoint, request, authorization)
        if response.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise self._make_refusal_error(endpoint, request, response, authorization)
        return response

    def _send_once(
        self, endpoint: RegistryEndpoint, request: RegistryRequest, authorization: _RequestAuthorization | None
    ) -> Response:
        headers = {"Accept": request.accept} if request.accept else {}
        if request.etag:
            headers["If-None-Match"] = request.etag
        if authorization:
            headers["Authorization"] = authorization.header
        try:
            response = self._http.request(
                request.method, endpoint.url + request.path, headers=headers, limit=request.limit
            )
        except HttpError as error:
            raise make_unanswered_error(endpoint, error) from error
        self._quotas.update_quota(endpoint, response)
        return response

    def _authorize_request(
        self, endpoint: RegistryEndpoint, request: RegistryRequest, challenge: AuthChallenge
    ) -> _RequestAuthorization | None:
        credential = self._keychain.get_credential(endpoint.credential_host, request.repository)
        if challenge.scheme == "bearer":
            return self._get_bearer_authorization(endpoint, request, challenge, credential)
        match credential:
            case None:
                return None
            case PasswordLogin():
                return _RequestAuthorization(_encode_basic(credential), credential)
            case IdentityToken():
                advice = f"list {endpoint.credential_host} with `username_env` and `password_env`"
                message = (
                    f"{endpoint.host} requires a password, but `docker login` stored an identity token; hint: {advice}"
                )
                raise RegistryError(endpoint.registry, Reason.DENIED, message, is_failure=True)
        assert_never(credential)

    def _get_bearer_authorization(
        self,
        endpoint: RegistryEndpoint,
        request: RegistryRequest,
        challenge: AuthChallenge,
        credential: Credential | None,
    ) -> _RequestAuthorization:
        try:
            realm = parse_realm(challenge)
        except HttpError as error:
            raise make_unanswered_error(endpoint, error, TOKEN_SERVER) from error
        distrusted_realm = realm.authority if credential and not may_receive_credential(endpoint, realm) else None
        disclosed_credential = None if distrusted_realm else credential
        # The scope in the challenge is not used, because the server must not choose the permissions that the credential
        # requests.
        scope = f"repository:{request.repository}:{request.actions}" if request.repository else ""
        service = challenge.parameters.get("service") or realm.host
        key = _TokenKey(endpoint.host, str(realm), service, scope, _get_identity(disclosed_credential))
        with self._lock:
            token = self._tokens.setdefault(key, _TokenSlot())
        with token.lock:
            is_cached = token.expires > self._now()
            if not is_cached:
                token.value, lifetime = self._fetch_token(endpoint, realm, key, disclosed_credential)
                token.expires = self._now() + lifetime * LIFETIME_USED
            return _RequestAuthorization(
                f"Bearer {token.value}", disclosed_credential, distrusted_realm, token if is_cached else None
            )

    def _fetch_token(
        self, endpoint: RegistryEndpoint, realm: Url, key: _TokenKey, credential: Credential | None
    ) -> tuple[str, float]:
        """Request a token from the token server `realm`, for the service and scope in `key`.

        Return the token and its lifetime in seconds. If `credential` is None, the request is anonymous.

        Raises RegistryError if a request fails.

        https://distribution.github.io/distribution/spec/auth/token/ and …/auth/oauth/
        """
        parameters = {"service": key.service, **({"scope": key.scope} if key.scope else {})}
        headers: dict[str, str] = {}
        method, url, body = "GET", str(realm), None
        match credential:
            case IdentityToken():
                parameters |= {"grant_type": "refresh_token", "client_id": CLIENT_ID, "refresh_token": credential.token}
                method, body = "POST", urlencode(parameters).encode()
                headers["Content-Type"] = "application/x-www-form-urlencoded"
            case PasswordLogin() | None:
                url += ("&" if "?" in realm.target else "?") + urlencode(parameters)
                if credential:
                    headers["Authorization"] = _encode_basic(credential)
            case _:
                assert_never(credential)
        try:
            response = self._http.request(
                method, url, headers=headers, body=body, limit=MAX_TOKEN_ANSWER, max_redirects=0
            )
        except HttpError as error:
            raise make_unanswered_error(endpoint, error, TOKEN_SERVER) from error
        if response.status != HTTPStatus.OK:
            description = f"a token for {key.scope or 'a login'} at {realm.display_text}"
            authorization = _RequestAuthorization(headers.get("Authorization", ""), credential)
            has_credential = credential is not None
            actions, secrets = key.scope.rpartition(":")[2], authorization.secrets
            raise make_refusal_error(
                endpoint, description, response, has_credential=has_credential, actions=actions, secrets=secrets
            )
        try:
            return parse_token(response.body)
        except ValueError as error:
            message = f"{realm.display_text}, the token server of {endpoint.host}, did not return a token: {error}"
            raise RegistryError(endpoint.registry, Reason.REGISTRY_ERROR, message, is_failure=True) from None

    def _make_refusal_error(
        self,
        endpoint: RegistryEndpoint,
        request: RegistryRequest,
        response: Response,
        authorization: _RequestAuthorization | None,
    ) -> RegistryError:
        if authorization and authorization.distrusted_realm:
            message = (
                f"{endpoint.host} requires a token of {authorization.distrusted_realm}, which is not trusted with the "
                f"credential of {endpoint.credential_host}; hint: list {authorization.distrusted_realm} under "
                "`trusted_realms` if it is the registry's token server"
            )
            return RegistryError(endpoint.registry, Reason.DENIED, message, is_failure=True)
        credential = self._keychain.get_credential(endpoint.credential_host, request.repository)
        secrets = (*(authorization.secrets if authorization else ()), *_list_secrets(credential))
        has_credential, actions = credential is not None, request.actions
        return make_refusal_error(
            endpoint, request.description, response, has_credential=has_credential, actions=actions, secrets=secrets
        )


def may_receive_credential(endpoint: RegistryEndpoint, realm: Url) -> bool:
    """Return True if the token server at `realm` may receive the credential for `endpoint`.

    This is allowed if the server is on the registry's own origin, is the known token server of a public registry, or is
    listed under `trusted_realms`.
    """
    if realm.origin == Url.parse(endpoint.url).origin:
        return True
    return realm.authority in KNOWN_REALMS.get(endpoint.host, ()) or realm.authority in endpoint.trusted_realms


def parse_token(body: bytes) -> tuple[str, float]:
    """Parse a token response into the token and its lifetime in seconds.

    Raises ValueError if there is no valid token. The message contains nothing from the response.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("the token response is not JSON") from None
    fields: dict[str, Any] = answer if isinstance(answer, dict) else {}
    text = fields.get("token") or fields.get("access_token")
    if not text or not isinstance(text, str):
        raise ValueError("the token response has neither `token` nor `access_token`")
    if not _TOKEN.fullmatch(text):
        raise ValueError("the token in the token response contains characters that HTTP headers do not allow")
    lifetime = fields.get("expires_in")
    if not isinstance(lifetime, int) or isinstance(lifetime, bool):
        lifetime = parse_lifetime(text) or DEFAULT_LIFETIME
    return text, float(min(max(lifetime, DEFAULT_LIFETIME), MAX_LIFETIME))


def _choose_challenge(response: Response) -> AuthChallenge | None:
    """Return the challenge that basebump answers: Bearer if the response has such a challenge, Basic if not.

    Return None if the response has neither challenge. Bearer is preferred, because a token gives access to one
    repository only, but a Basic password gives access to all repositories.
    """
    challenges = parse_challenges(response.headers.get("www-authenticate", ""))
    bearer = (offer for offer in challenges if offer.scheme == "bearer" and offer.parameters.get("realm"))
    basic = (offer for offer in challenges if offer.scheme == "basic")
    return next(bearer, None) or next(basic, None)


def _encode_basic(login: PasswordLogin) -> str:
    return "Basic " + base64.b64encode(f"{login.username}:{login.password}".encode()).decode()


def _get_identity(credential: Credential | None) -> str:
    match credential:
        case PasswordLogin():
            return credential.username
        case IdentityToken():
            return "<token>"
        case None:
            return ""
    assert_never(credential)


def _list_secrets(credential: Credential | None) -> Iterable[str]:
    match credential:
        case PasswordLogin():
            return credential.password, _encode_basic(credential).partition(" ")[2]
        case IdentityToken():
            return (credential.token,)
        case None:
            return ()
    assert_never(credential)
