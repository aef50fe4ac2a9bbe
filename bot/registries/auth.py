"""Answering challenges: Basic, and Bearer with tokens from a token server that is not trusted by default.

A challenge comes from whoever answers, so its realm may point anywhere. Two questions are kept apart: whether a realm
may be asked at all (bot.net judges that), and whether it may see the credential: only on the registry's own origin, on
the token server that the world knows for that registry, or where the operator lists it under `trusted_realms`.
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
from bot.registries.access import HUB_API, Endpoint
from bot.registries.answers import refusal, unanswered
from bot.registries.challenge import Challenge, parse_challenges
from bot.registries.credentials import Credential, IdentityToken, Login
from bot.registries.keychain import Keychain
from bot.registries.pulls import PullQuotas
from bot.registries.tokens import stated_lifetime

CLIENT_ID = "basebump"
ISSUER = "the token server"
MAX_TOKEN_ANSWER = 64 * 1024
"""Bytes; tokens have some thousands."""
DEFAULT_LIFETIME = 60
"""Seconds, and the least (https://distribution.github.io/distribution/spec/auth/token/)."""
MAX_LIFETIME = 3600
"""Seconds; a token that claims to live longer is asked for anew, which costs nothing."""
LIFETIME_USED = 0.9
"""Of its life; the rest is for clocks that differ and answers that are slow."""
KNOWN_REALMS: dict[str, frozenset[str]] = {
    HUB_API: frozenset({"auth.docker.io"}),
    "docker.elastic.co": frozenset({"docker-auth.elastic.co"}),
    "nvcr.io": frozenset({"authn.nvidia.com"}),
    "registry.gitlab.com": frozenset({"gitlab.com"}),
}
"""Token servers of public registries that are not on the registry's own host."""

_TOKEN = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class Question:
    """One request to a registry."""

    method: str
    path: str
    """From `/v2/` on."""
    repository: str
    """The path of the image, with the mirror's prefix: what a token is asked for; empty for nothing but a login."""
    limit: int
    """Bytes of the answer."""
    accept: str | None = None
    etag: str | None = None
    """Of an earlier answer; where it still holds, the answer is 304."""
    actions: str = "pull"
    """What the token must allow: `pull`, or `answers.METADATA_READ`."""

    @property
    def asked(self) -> str:
        """What is asked for, as messages say it: without the query, of which a server writes what asks for a page."""
        return self.path.removeprefix("/v2/").partition("?")[0] or "a login"

    @property
    def is_pull(self) -> bool:
        """Whether registries with a quota count it: https://docs.docker.com/docker-hub/usage/pulls/."""
        return self.method == "GET" and "/manifests/" in self.path


@dataclass(frozen=True, slots=True)
class _Key:
    """What a token is good for."""

    host: str
    realm: str
    service: str
    scope: str
    identity: str


@dataclass(slots=True)
class _Token:
    """A place for one token; whoever holds the lock fetches it, and the others wait for that."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    text: str = field(default="", repr=False)
    expires: float = 0.0

    def drop(self, header: str) -> None:
        """Forget the token that `header` carries, unless another thread has already replaced it."""
        with self.lock:
            if header == f"Bearer {self.text}":
                self.expires = 0.0


@dataclass(slots=True)
class _HostState:
    """What is known of how a host wants to be asked."""

    first: threading.Lock = field(default_factory=threading.Lock)
    """Held by the first question, so that a host is not met by thirty at once that it all answers with 401."""
    was_asked: bool = False
    challenge: Challenge | None = None


@dataclass(frozen=True, slots=True)
class _Authorization:
    header: str = field(repr=False)
    credential: Credential | None = None
    """What was sent, or traded for a token."""
    distrusted: str | None = None
    """The realm that was not shown the credential."""
    token: _Token | None = None
    """The place of a token that was there before this question, and so may have been revoked."""

    @property
    def secrets(self) -> tuple[str, ...]:
        return self.header.partition(" ")[2], *_secrets(self.credential)


class Authenticator:
    """Sends questions with the credential they need; safe to share between threads."""

    def __init__(self, http: HttpClient, keychain: Keychain, now: Callable[[], float] = time.monotonic) -> None:
        self._http = http
        self._keychain = keychain
        self._now = now
        self._lock = threading.Lock()
        self._hosts: dict[str, _HostState] = {}
        self._tokens: dict[_Key, _Token] = {}
        self._quotas = PullQuotas()

    def ask(self, endpoint: Endpoint, question: Question) -> Response:
        """Return the registry's answer, authenticated where it wants that. Raises RegistryError."""
        if question.is_pull:
            with self._quotas.pull(endpoint):
                return self._in_turn(endpoint, question)
        return self._in_turn(endpoint, question)

    def wants_login(self, endpoint: Endpoint) -> bool:
        """Say whether a registry that was asked wanted to know who asks."""
        with self._lock:
            state = self._hosts.get(endpoint.host)
        return state is not None and state.challenge is not None

    def _in_turn(self, endpoint: Endpoint, question: Question) -> Response:
        with self._lock:
            state = self._hosts.setdefault(endpoint.host, _HostState())
        if not state.was_asked:
            with state.first:
                if not state.was_asked:
                    try:
                        return self._ask(endpoint, question, state)
                    finally:
                        state.was_asked = True
        return self._ask(endpoint, question, state)

    def _ask(self, endpoint: Endpoint, question: Question, state: _HostState) -> Response:
        authorization = self._authorize(endpoint, question, state.challenge) if state.challenge else None
        response = self._send(endpoint, question, authorization)
        if response.status == HTTPStatus.UNAUTHORIZED and authorization and authorization.token:
            authorization.token.drop(authorization.header)
            authorization = None
            response = self._send(endpoint, question, None)
        if response.status == HTTPStatus.UNAUTHORIZED and authorization is None:
            state.challenge = _choose(response)
            authorization = self._authorize(endpoint, question, state.challenge) if state.challenge else None
            if authorization:
                response = self._send(endpoint, question, authorization)
        if response.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise self._refused(endpoint, question, response, authorization)
        return response

    def _send(self, endpoint: Endpoint, question: Question, authorization: _Authorization | None) -> Response:
        headers = {"Accept": question.accept} if question.accept else {}
        if question.etag:
            headers["If-None-Match"] = question.etag
        if authorization:
            headers["Authorization"] = authorization.header
        try:
            response = self._http.request(
                question.method, endpoint.url + question.path, headers=headers, limit=question.limit
            )
        except HttpError as error:
            raise unanswered(endpoint, error) from error
        self._quotas.note(endpoint, response)
        return response

    def _authorize(self, endpoint: Endpoint, question: Question, challenge: Challenge) -> _Authorization | None:
        credential = self._keychain.credential(endpoint.account, question.repository)
        if challenge.scheme == "bearer":
            return self._bearer(endpoint, question, challenge, credential)
        match credential:
            case None:
                return None
            case Login():
                return _Authorization(_basic(credential), credential)
            case IdentityToken():
                advice = f"list {endpoint.account} with `username_env` and `password_env`"
                message = f"{endpoint.host} wants a password, and `docker login` kept an identity token: {advice}"
                raise RegistryError(endpoint.registry, Reason.DENIED, message, is_failure=True)
        assert_never(credential)

    def _bearer(
        self, endpoint: Endpoint, question: Question, challenge: Challenge, credential: Credential | None
    ) -> _Authorization:
        try:
            realm = Url.parse(challenge.parameters["realm"])
        except HttpError as error:
            raise unanswered(endpoint, error, ISSUER) from error
        distrusted = realm.authority if credential and not may_see_credential(endpoint, realm) else None
        shown = None if distrusted else credential
        # Not the challenge's scope: whoever answers shall not choose what the credential is used for.
        scope = f"repository:{question.repository}:{question.actions}" if question.repository else ""
        service = challenge.parameters.get("service") or realm.host
        key = _Key(endpoint.host, str(realm), service, scope, _identity(shown))
        with self._lock:
            token = self._tokens.setdefault(key, _Token())
        with token.lock:
            is_kept = token.expires > self._now()
            if not is_kept:
                token.text, lifetime = self._fetch_token(endpoint, realm, key, shown)
                token.expires = self._now() + lifetime * LIFETIME_USED
            return _Authorization(f"Bearer {token.text}", shown, distrusted, token if is_kept else None)

    def _fetch_token(
        self, endpoint: Endpoint, realm: Url, key: _Key, credential: Credential | None
    ) -> tuple[str, float]:
        """Ask the token server; return a token and its lifetime in seconds. Raises RegistryError.

        https://distribution.github.io/distribution/spec/auth/token/ and …/auth/oauth/
        """
        words = {"service": key.service, **({"scope": key.scope} if key.scope else {})}
        headers: dict[str, str] = {}
        method, url, body = "GET", str(realm), None
        match credential:
            case IdentityToken():
                words |= {"grant_type": "refresh_token", "client_id": CLIENT_ID, "refresh_token": credential.token}
                method, body = "POST", urlencode(words).encode()
                headers["Content-Type"] = "application/x-www-form-urlencoded"
            case Login() | None:
                url += ("&" if "?" in realm.target else "?") + urlencode(words)
                if credential:
                    headers["Authorization"] = _basic(credential)
            case _:
                assert_never(credential)
        try:
            response = self._http.request(method, url, headers=headers, body=body, limit=MAX_TOKEN_ANSWER, redirects=0)
        except HttpError as error:
            raise unanswered(endpoint, error, ISSUER) from error
        if response.status != HTTPStatus.OK:
            asked = f"a token for {key.scope or 'a login'} at {realm.shown}"
            authorization = _Authorization(headers.get("Authorization", ""), credential)
            has_credential = credential is not None
            actions, hide = key.scope.rpartition(":")[2], authorization.secrets
            raise refusal(endpoint, asked, response, has_credential=has_credential, actions=actions, hide=hide)
        try:
            return parse_token(response.body)
        except ValueError as error:
            message = f"{realm.shown}, the token server of {endpoint.host}, answered no token: {error}"
            raise RegistryError(endpoint.registry, Reason.REGISTRY_ERROR, message, is_failure=True) from None

    def _refused(
        self, endpoint: Endpoint, question: Question, response: Response, authorization: _Authorization | None
    ) -> RegistryError:
        if authorization and authorization.distrusted:
            message = (
                f"{endpoint.host} wants a token of {authorization.distrusted}, which is not trusted with "
                f"{endpoint.account}'s credential; list it under `trusted_realms` if it is its token server"
            )
            return RegistryError(endpoint.registry, Reason.DENIED, message, is_failure=True)
        credential = self._keychain.credential(endpoint.account, question.repository)
        hide = (*(authorization.secrets if authorization else ()), *_secrets(credential))
        has_credential, actions = credential is not None, question.actions
        return refusal(endpoint, question.asked, response, has_credential=has_credential, actions=actions, hide=hide)


def may_see_credential(endpoint: Endpoint, realm: Url) -> bool:
    """Say whether a token server may see the credential of the registry whose challenge names it."""
    if realm.origin == Url.parse(endpoint.url).origin:
        return True
    return realm.authority in KNOWN_REALMS.get(endpoint.host, ()) or realm.authority in endpoint.trusted_realms


def parse_token(body: bytes) -> tuple[str, float]:
    """Return the token and its lifetime in seconds. Raises ValueError, whose text holds nothing of the body."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    fields: dict[str, Any] = answer if isinstance(answer, dict) else {}
    text = fields.get("token") or fields.get("access_token")
    if not isinstance(text, str) or not _TOKEN.fullmatch(text):
        raise ValueError("it has neither `token` nor `access_token`, or one that fits in no header")
    lifetime = fields.get("expires_in")
    if not isinstance(lifetime, int) or isinstance(lifetime, bool):
        lifetime = stated_lifetime(text) or DEFAULT_LIFETIME
    return text, float(min(max(lifetime, DEFAULT_LIFETIME), MAX_LIFETIME))


def _choose(response: Response) -> Challenge | None:
    """Take Bearer where it is offered, else Basic: a token opens one repository, a password all."""
    challenges = parse_challenges(response.headers.get("www-authenticate", ""))
    bearer = (offer for offer in challenges if offer.scheme == "bearer" and offer.parameters.get("realm"))
    basic = (offer for offer in challenges if offer.scheme == "basic")
    return next(bearer, None) or next(basic, None)


def _basic(login: Login) -> str:
    return "Basic " + base64.b64encode(f"{login.username}:{login.password}".encode()).decode()


def _identity(credential: Credential | None) -> str:
    match credential:
        case Login():
            return credential.username
        case IdentityToken():
            return "<token>"
        case None:
            return ""
    assert_never(credential)


def _secrets(credential: Credential | None) -> Iterable[str]:
    match credential:
        case Login():
            return credential.password, _basic(credential).partition(" ")[2]
        case IdentityToken():
            return (credential.token,)
        case None:
            return ()
    assert_never(credential)
