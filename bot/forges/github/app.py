"""Authentication as a GitHub App. The App's private key signs requests, and its installations issue tokens.

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

from bot.forges.github.connection import GitHubConnection
from bot.forges.github.github_errors import METADATA_READ, WORKFLOWS_WRITE
from bot.forges.hosted.refusal import FORBIDDEN, INVALID, NOT_FOUND, UNAUTHORIZED, Answer, RefusedError

READ_PERMISSIONS: Mapping[str, str] = {"metadata": "read", "contents": "read", "pull_requests": "read"}
"""The permissions of every token. A token for reading has these permissions for all repositories of its installation. A
token for writing is valid for one repository. It has one additional permission, which the API call requires."""
MIN_REMAINING = timedelta(minutes=5)
"""The shortest remaining lifetime of a token that is used again. The token must stay valid until all pages of a list
are read, including the waits between pages."""
PAGE = 100
"""The largest number of items on a page that GitHub returns."""
MAX_PAGES = 100
"""The largest number of pages of installations to read. An App of a company has few installations."""


class InvalidKeyError(ValueError):
    """The text is not a private key with which an App can sign."""


@dataclass(frozen=True, slots=True)
class AppKey:
    """The id and the private key of a GitHub App.

    The constructor raises InvalidKeyError if the App cannot sign with this key.
    """

    id: int
    key: str = field(repr=False)
    """The private key in PEM form. Line ends may be written as `\\n`, because some stores allow only one line."""
    _app_auth: Auth.AppAuth = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "_app_auth", _create_signer(self.id, self.key.replace("\\n", "\n")))
            self.sign()
        except Exception as error:
            # All exceptions are caught. For a bad key, PyGithub, PyJWT or cryptography raise AssertionError, TypeError,
            # ValueError, AttributeError, or direct subclasses of Exception from private modules.
            raise InvalidKeyError from error

    def sign(self) -> str:
        """Return a JSON Web Token that authenticates the App for five minutes."""
        return self._app_auth.create_jwt()


def _create_signer(app: int, key: str) -> Auth.AppAuth:
    """Return a signer that loads the private key only once.

    When OpenSSL loads a key, it checks the primes of the key. This takes longer than an API call.
    """
    private_key = serialization.load_pem_private_key(key.encode(), password=None)
    return Auth.AppAuth(app, lambda: private_key)  # type: ignore[arg-type,return-value]  # PyJWT accepts loaded keys, too


@dataclass(frozen=True, slots=True)
class _AppInstallation:
    """The installation of the App on one account."""

    id: int
    owner: str
    is_suspended: bool


@dataclass(frozen=True, slots=True)
class _ExpiringToken:
    """An access token of a GitHub App installation, and the time at which the token expires."""

    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class _AppJwtSource:
    """Authenticates requests as the App itself, not as one of its installations; implements `TokenSource`."""

    key: AppKey

    def get_token(self, about: str, permission: str) -> str:  # noqa: ARG002 - the same for all
        return self.key.sign()

    def get_bot_login(self) -> str | None:
        return None


class AppTokens:
    """The access tokens of a GitHub App's installations; implements `TokenSource`. Thread-safe.

    A token that only reads is valid for all repositories of an installation. A token that can write is valid for a
    single repository. Methods raise RefusedError if an API call fails.
    """

    def __init__(
        self, url: str, key: AppKey, *, ca: Path | None = None, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._key = key
        self._app = GitHubConnection(url, _AppJwtSource(key), ca=ca, pause=pause)
        self._lock = threading.Lock()
        self._installations: Mapping[str, _AppInstallation] | None = None
        self._issued: dict[tuple[int, str | None, tuple[tuple[str, str], ...]], _ExpiringToken] = {}

    def get_token(self, about: str, permission: str) -> str:
        """Return a token that has the permission `permission`, such as `contents: write`.

        An earlier token with equal permissions is returned again if it stays valid for at least `MIN_REMAINING`.
        Otherwise, a new token is requested.

        Args:
            about: The owner or the `owner/name` whose repositories are accessed with the token.
            permission: One permission, or several separated by commas.
        """
        owner, _, short = about.partition("/")
        requested = [each.partition(": ") for each in permission.split(", ")]
        permissions = {**READ_PERMISSIONS, **{name.replace(" ", "_"): level for name, _, level in requested}}
        if permission == WORKFLOWS_WRITE:
            permissions["contents"] = "write"
        is_write = any(level == "write" for _, _, level in requested)
        with self._lock:
            installation = self._get_installation(owner)
            repository = short.lower() if is_write else None
            key = installation.id, repository, tuple(sorted(permissions.items()))
            issued = self._issued.get(key)
            if issued is None or issued.expires_at - datetime.now(UTC) < MIN_REMAINING:
                issued = self._issued[key] = self._create_token(installation, repository, permissions)
            return issued.token

    def get_bot_login(self) -> str:
        """Return the login of the App's bot account, such as `my-app[bot]`.

        The bot is the author of basebump's commits.
        """
        slug: str = self._send_read("identify the App", lambda client: _get_json(client, "/app")["slug"])
        return f"{slug}[bot]"

    def list_owners(self) -> tuple[str, ...]:
        """Return the accounts that installed the App, sorted by name, including those with suspended installations."""
        with self._lock:
            return tuple(sorted((each.owner for each in self._get_installations().values()), key=str.lower))

    def _get_installation(self, owner: str) -> _AppInstallation:
        installation = self._get_installations().get(owner.lower())
        if installation is None:
            message = (
                f"the App {self._key.id} is not installed on '{owner}'; "
                f"hint: install it there, or remove '{owner}' from the config"
            )
            raise RefusedError(message, status=FORBIDDEN)
        if installation.is_suspended:
            message = (
                f"'{owner}' suspended the App {self._key.id}; hint: unsuspend it in the settings of its installation"
            )
            raise RefusedError(message, status=FORBIDDEN)
        return installation

    def _get_installations(self) -> Mapping[str, _AppInstallation]:
        """Return all installations, by the account's name in lower case. The list is fetched only once."""
        if self._installations is None:
            installations = self._send_read("list the installations of the App", _list_installations)
            self._installations = {each.owner.lower(): each for each in installations}
        return self._installations

    def _create_token(
        self, installation: _AppInstallation, repository: str | None, permissions: Mapping[str, str]
    ) -> _ExpiringToken:
        """Request a new token of an installation.

        If `repository` is given, the token is valid only for this repository. If it is None, the token is valid for all
        repositories of the installation.

        https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app
        """
        body = {"permissions": dict(permissions)} | ({"repositories": [repository]} if repository is not None else {})
        address = f"/app/installations/{installation.id}/access_tokens"

        def post(client: Github) -> _ExpiringToken:
            _, answer = client.requester.requestJsonAndCheck("POST", address, input=body)
            return _ExpiringToken(answer["token"], datetime.fromisoformat(answer["expires_at"]))

        try:
            return self._send_read(f"create a token for the installation on {installation.owner}", post)
        except RefusedError as refusal:
            if refusal.status != INVALID:
                raise
            message = _explain_refused_token(refusal.server_message, installation.owner, repository, permissions)
            raise RefusedError(message, status=FORBIDDEN, server_message=refusal.server_message) from refusal

    def _send_read(self, action: str, call: Callable[[Github], Answer]) -> Answer:
        try:
            return self._app.read(action, call, METADATA_READ)
        except RefusedError as refusal:
            if refusal.status not in (UNAUTHORIZED, NOT_FOUND) or refusal.retry_after is not None:
                raise
            message = (
                f"GitHub does not accept the App {self._key.id} with its key "
                f"({refusal.server_message or 'not found'}); "
                "hint: check the App ID, the key, the URL of the API, and the clock of this machine"
            )
            raise RefusedError(message, status=refusal.status, server_message=refusal.server_message) from refusal


def _list_installations(client: Github) -> list[_AppInstallation]:
    """Return all installations of the App on accounts that can own repositories.

    https://docs.github.com/en/rest/apps/apps#list-installations-for-the-authenticated-app
    """
    installations: list[_AppInstallation] = []
    for page in range(1, MAX_PAGES + 1):
        listed = _get_json(client, "/app/installations", per_page=PAGE, page=page)
        installations += [
            _AppInstallation(each["id"], each["account"]["login"], each["suspended_at"] is not None)
            for each in listed
            if "login" in (each["account"] or {})  # an enterprise has neither a login nor repositories
        ]
        if len(listed) < PAGE:
            break
    return installations


def _get_json(client: Github, address: str, **parameters: int) -> Any:
    _, answer = client.requester.requestJsonAndCheck("GET", address, parameters=parameters)
    return answer


def _explain_refused_token(
    server_message: str, owner: str, repository: str | None, permissions: Mapping[str, str]
) -> str:
    """Return the error message after GitHub refused to create a token for the App's installation on `owner`.

    The message gives the reason: either the installation does not include `repository`, or the installation lacks one
    of `permissions`.
    """
    if "not accessible" in server_message and repository is not None:
        return (
            f"the installation of the App on '{owner}' does not include '{repository}'; "
            "hint: add the repository to the installation, or remove it from the config"
        )
    permission_list = ", ".join(f"`{name.replace('_', ' ')}: {level}`" for name, level in sorted(permissions.items()))
    return (
        f"the installation of the App on '{owner}' lacks one of the permissions {permission_list} ({server_message}); "
        f"hint: request them in the settings of the App, and let '{owner}' accept them in the installation"
    )
