"""Authenticate as a GitHub App: its private key signs requests, and its installations issue tokens for an hour.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from github import Auth, Github

from bot.forges._refusal import FORBIDDEN, INVALID, NOT_FOUND, UNAUTHORIZED, Answer, RefusedError
from bot.forges.github.connection import Connection
from bot.forges.github.errors import METADATA_READ, WORKFLOWS_WRITE

READ: Mapping[str, str] = {"metadata": "read", "contents": "read", "pull_requests": "read"}
"""Permissions of every token. A read token has them for all repositories of its installation; a write token has one
permission more, for one repository: to push branches, no permission for pull requests is requested."""
MIN_LEFT = timedelta(minutes=5)
"""Shortest remaining lifetime of a token in use: it must outlast all pages of a list and the waits between them."""
PAGE = 100
"""The largest page that GitHub returns."""
MAX_PAGES = 100
"""Pages of installations; an App of one's own has few."""


class InvalidKeyError(ValueError):
    """The text is not a private key that an App can sign with."""


@dataclass(frozen=True, slots=True)
class AppKey:
    """The id and the private key of a GitHub App. Raises InvalidKeyError if the key cannot sign."""

    id: int
    key: str = field(repr=False)
    """The private key in PEM form; line ends may be written as `\\n`, for stores that keep secrets in one line."""
    _signer: Auth.AppAuth = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "_signer", _signer(self.id, self.key.replace("\\n", "\n")))
            self.sign()
        except Exception as error:
            # Any exception: a bad key fails in PyGithub, PyJWT or cryptography, with AssertionError, TypeError,
            # ValueError, AttributeError, or direct subclasses of Exception in modules that are not public.
            raise InvalidKeyError from error

    def sign(self) -> str:
        """Return a JSON Web Token that authenticates the App for five minutes."""
        return self._signer.create_jwt()


def _signer(app: int, key: str) -> Auth.AppAuth:
    """Create a signer with a key that is loaded once: OpenSSL checks its primes, which takes longer than a request."""
    loaded = serialization.load_pem_private_key(key.encode(), password=None)
    return Auth.AppAuth(app, lambda: loaded)  # type: ignore[arg-type,return-value]  # PyJWT accepts loaded keys, too


@dataclass(frozen=True, slots=True)
class _Installation:
    """An account that installed the App."""

    id: int
    owner: str
    is_suspended: bool


@dataclass(frozen=True, slots=True)
class _Lent:
    """A token of an installation, with its expiry."""

    token: str = field(repr=False)
    until: datetime


@dataclass(frozen=True, slots=True)
class _Signatures:
    """The tokens with which the App authenticates as itself instead of as an installation."""

    key: AppKey

    def token(self, about: str, needs: str) -> str:  # noqa: ARG002 - the same for all
        return self.key.sign()

    def bot(self) -> str | None:
        return None


class AppTokens:
    """Tokens that the installations of one App issue. Thread-safe; methods raise RefusedError.

    A read token is valid for all repositories of an installation, a write token for a single one.
    """

    def __init__(
        self, url: str, key: AppKey, *, ca: Path | None = None, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._key = key
        self._app = Connection(url, _Signatures(key), ca=ca, pause=pause)
        self._lock = threading.Lock()
        self._installations: Mapping[str, _Installation] | None = None
        self._lent: dict[tuple[int, str | None, tuple[tuple[str, str], ...]], _Lent] = {}

    def token(self, about: str, needs: str) -> str:
        """Return a token that has `permission` for `about`: an owner, or a repository of an owner."""
        owner, _, short = about.partition("/")
        asked = [each.partition(": ") for each in needs.split(", ")]
        permissions = {**READ, **{name.replace(" ", "_"): level for name, _, level in asked}}
        if needs == WORKFLOWS_WRITE:
            permissions["contents"] = "write"
        is_write = any(level == "write" for _, _, level in asked)
        with self._lock:
            installation = self._installation(owner)
            only = short.lower() if is_write else None
            key = installation.id, only, tuple(sorted(permissions.items()))
            lent = self._lent.get(key)
            if lent is None or lent.until - datetime.now(UTC) < MIN_LEFT:
                lent = self._lent[key] = self._lend(installation, only, permissions)
            return lent.token

    def bot(self) -> str:
        """Return the login of the account that owns the App's commits."""
        slug: str = self._ask("identify the App", lambda client: _get(client, "/app")["slug"])
        return f"{slug}[bot]"

    def owners(self) -> tuple[str, ...]:
        """Return the accounts that installed the App, including suspended installations, sorted by name."""
        with self._lock:
            return tuple(sorted((each.owner for each in self._all().values()), key=str.lower))

    def _installation(self, owner: str) -> _Installation:
        found = self._all().get(owner.lower())
        if found is None:
            what = (
                f"the App {self._key.id} is not installed on '{owner}'; "
                f"hint: install it there, or remove '{owner}' from the config"
            )
            raise RefusedError(what, status=FORBIDDEN)
        if found.is_suspended:
            what = f"'{owner}' suspended the App {self._key.id}; hint: unsuspend it in the settings of its installation"
            raise RefusedError(what, status=FORBIDDEN)
        return found

    def _all(self) -> Mapping[str, _Installation]:
        """Return all installations by their accounts in lower case; fetched once."""
        if self._installations is None:
            found = self._ask("list the installations of the App", _list)
            self._installations = {each.owner.lower(): each for each in found}
        return self._installations

    def _lend(self, installation: _Installation, only: str | None, permissions: Mapping[str, str]) -> _Lent:
        """Create a token: https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app."""
        wanted = {"permissions": dict(permissions)} | ({"repositories": [only]} if only is not None else {})
        address = f"/app/installations/{installation.id}/access_tokens"

        def ask(client: Github) -> _Lent:
            _, lent = client.requester.requestJsonAndCheck("POST", address, input=wanted)
            return _Lent(lent["token"], datetime.fromisoformat(lent["expires_at"]))

        try:
            return self._ask(f"create a token for the installation on {installation.owner}", ask)
        except RefusedError as refusal:
            if refusal.status != INVALID:
                raise
            what = _why_not(refusal.words, installation.owner, only, permissions)
            raise RefusedError(what, status=FORBIDDEN, words=refusal.words) from refusal

    def _ask(self, action: str, call: Callable[[Github], Answer]) -> Answer:
        try:
            return self._app.read(action, call, METADATA_READ)
        except RefusedError as refusal:
            if refusal.status not in (UNAUTHORIZED, NOT_FOUND) or refusal.wait is not None:
                raise
            what = (
                f"GitHub does not accept the App {self._key.id} with its key ({refusal.words or 'not found'}); "
                "hint: check the App ID, the key, the URL of the API, and the clock of this machine"
            )
            raise RefusedError(what, status=refusal.status, words=refusal.words) from refusal


def _list(client: Github) -> list[_Installation]:
    """List the installations: https://docs.github.com/en/rest/apps/apps#list-installations-for-the-authenticated-app."""
    found: list[_Installation] = []
    for page in range(1, MAX_PAGES + 1):
        listed = _get(client, "/app/installations", per_page=PAGE, page=page)
        found += [
            _Installation(each["id"], each["account"]["login"], each["suspended_at"] is not None)
            for each in listed
            if "login" in (each["account"] or {})  # an enterprise has no login, and no repositories
        ]
        if len(listed) < PAGE:
            break
    return found


def _get(client: Github, address: str, **parameters: int) -> Any:
    _, answer = client.requester.requestJsonAndCheck("GET", address, parameters=parameters)
    return answer


def _why_not(words: str, owner: str, only: str | None, permissions: Mapping[str, str]) -> str:
    """Return what is missing if GitHub refuses the permissions or the repository of a token."""
    if "not accessible" in words and only is not None:
        return (
            f"the installation of the App on '{owner}' does not include '{only}'; "
            "hint: add the repository to the installation, or remove it from the config"
        )
    wanted = ", ".join(f"`{name.replace('_', ' ')}: {level}`" for name, level in sorted(permissions.items()))
    return (
        f"the installation of the App on '{owner}' lacks one of the permissions {wanted} ({words}); "
        f"hint: request them in the settings of the App, and let '{owner}' accept them in the installation"
    )
