"""The connection to a Gitea or Forgejo server.

Forgejo began as a copy of Gitea, and both servers still have the same API with few differences:
https://docs.gitea.com/api/, https://forgejo.org/docs/latest/user/api-usage/
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from bot.forges.git.command import GitIdentity
from bot.forges.git.push import GitPush
from bot.forges.git.remote import GitOrigin
from bot.forges.gitea.errors import GITEA_ERRORS, READ_REPOSITORY, READ_USER, WRITE_REPOSITORY, list_messages
from bot.forges.hosted.connection import SharedValue
from bot.forges.hosted.refusal import FORBIDDEN, UNAUTHORIZED, RefusedError
from bot.forges.hosted.rest import Query, RestApi, RestClient

PER_PAGE = 50
"""The default of the largest page (`MAX_RESPONSE_ITEMS`). Larger pages are not requested, because the answers contain
the repository of each pull request twice."""
RULES = "/branch_protections"
"""The path of the rules for protected branches, which only administrators of a repository can read."""
FORGEJO_MARK = "+gitea-"
"""The part of Forgejo's version that names the Gitea version with which its API is compatible."""
_FEW_ITEMS = 30
"""The number of items on a page, and of files in an answer, if the server does not state its limits."""
_FEW_TREE_ENTRIES = 1_000


@dataclass(frozen=True, slots=True)
class GiteaAccount:
    """The account to which the token belongs."""

    login: str | None
    """None if there is no token."""
    email: str = ""
    """The address in the commits of the account."""
    is_admin: bool = False
    """True if the account administrates the server. Its tokens can act as every user (the header `Sudo`)."""

    def has_login(self, login: str | None) -> bool:
        """Return True if the login is that of this account."""
        return self.login is not None and login is not None and login.lower() == self.login.lower()

    def is_user(self, user: Mapping[str, Any] | None) -> bool:
        """Return True if `user`, an object in an answer of the server, is this account."""
        return user is not None and self.has_login(str(user["login"]))


@dataclass(frozen=True, slots=True)
class GiteaLimits:
    """The limits in the settings of a server: https://docs.gitea.com/administration/config-cheat-sheet#api-api."""

    page_items: int
    """The largest number of items on a page of a list."""
    files: int
    """The largest number of files whose contents one answer contains."""
    tree_entries: int
    """The largest number of entries on a page of a tree."""


class GiteaConnection:
    """The access to one server, which all threads share. The header `Sudo` is never sent.

    What is the same for all requests is fetched only once. Methods raise RefusedError.
    """

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        ca: Path | None = None,
        seconds_between_writes: float = 0.0,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare requests to the server whose web interface is at `url`. No request is sent yet.

        The other parameters are those of `RestApi` and `RestClient`.
        """
        self._url = url
        self._token = token
        self._ca = ca
        headers = {"Authorization": f"token {token}"} if token is not None else {}
        api = RestApi(f"{url}/api/v1", GITEA_ERRORS, list_messages, headers, token, ca)
        self.client = RestClient(api, pause=pause, seconds_between_writes=seconds_between_writes)
        self.pause = pause
        self._account = SharedValue[GiteaAccount]()
        self._version = SharedValue[str]()
        self._limits = SharedValue[GiteaLimits]()
        self.has_file_contents = True
        """False after the server turned out to have no request for the contents of several files."""

    def list_pages(
        self, action: str, path: str, permission: str, query: Query | None = None, max_items: int | None = None
    ) -> list[Any]:
        """Return the items of a list. Some lists have no links to further pages, and some count their items wrongly."""
        full = self.get_limits().page_items
        fixed = {**(query or {}), "limit": full}
        return self.client.read_pages(action, path, permission, lambda page: {**fixed, "page": page}, full, max_items)

    def get_version(self) -> str:
        """Return the version of the server, such as `1.26.0`, or `16.0.1+gitea-1.22.0` of a Forgejo."""
        return self._version.get(self._fetch_version)

    def get_limits(self) -> GiteaLimits:
        return self._limits.get(self._fetch_limits)

    def get_account(self) -> GiteaAccount:
        return self._account.get(self._fetch_account)

    def build_origin(self, name: str) -> GitOrigin:
        """Return the clone URL of a repository, together with the login for the token."""
        login = f"basebump:{self._token}" if self._token is not None else None
        return GitOrigin(f"{self._url}/{quote(name)}.git", login, self._ca, self.client.pace)

    def _fetch_version(self) -> str:
        with GITEA_ERRORS.translate(self._url):
            return str(self.client.read("read the version", "/version", READ_REPOSITORY)["version"])

    def _fetch_limits(self) -> GiteaLimits:
        try:
            with GITEA_ERRORS.translate(self._url):
                settings = self.client.read("read the limits", "/settings/api", READ_REPOSITORY)
                return GiteaLimits(
                    max(min(int(settings["max_response_items"]), PER_PAGE), 1),
                    max(int(settings["default_paging_num"]), 1),
                    max(int(settings["default_git_trees_per_page"]), 1),
                )
        except RefusedError as refusal:
            if refusal.status is None or refusal.status == UNAUTHORIZED or refusal.may_have_worked:
                raise
            return GiteaLimits(_FEW_ITEMS, _FEW_ITEMS, _FEW_TREE_ENTRIES)

    def _fetch_account(self) -> GiteaAccount:
        if self._token is None:
            return GiteaAccount(None)
        with GITEA_ERRORS.translate(self._url):
            user = self.client.read("identify the token", "/user", READ_USER)
            login = str(user["login"])
            email = user["email"] or f"{login}@noreply.{urlsplit(self._url).hostname}"
            return GiteaAccount(login, str(email), bool(user.get("is_admin")))


@dataclass(frozen=True, slots=True)
class GiteaRemote:
    """One repository on a server. Paths are below the repository's, and methods are those of `RestClient`."""

    connection: GiteaConnection = field(repr=False)
    name: str
    """The full name: `owner/repository`."""

    @property
    def path(self) -> str:
        return f"/repos/{quote(self.name)}"

    def read(self, action: str, path: str = "", permission: str = READ_REPOSITORY, query: Query | None = None) -> Any:
        return self.connection.client.read(f"{action} of {self.name}", self.path + path, permission, query)

    def list_pages(
        self,
        action: str,
        path: str,
        permission: str = READ_REPOSITORY,
        query: Query | None = None,
        max_items: int | None = None,
    ) -> list[Any]:
        return self.connection.list_pages(f"{action} of {self.name}", self.path + path, permission, query, max_items)

    def read_until(
        self, action: str, path: str, build_query: Callable[[int], Query], add_page: Callable[[Any], bool]
    ) -> None:
        action, path = f"{action} of {self.name}", self.path + path
        self.connection.client.read_until(action, path, READ_REPOSITORY, build_query, add_page)

    def write(
        self, action: str, method: str, path: str, body: object = None, permission: str = WRITE_REPOSITORY
    ) -> Any:
        return self.connection.client.write(f"{action} of {self.name}", self.path + path, permission, method, body)

    def get_push(self) -> GitPush:
        return GitPush(self.connection.build_origin(self.name), self.name, "Gitea", WRITE_REPOSITORY)

    def get_identity(self) -> GitIdentity:
        """Return the author of commits in the repository, which is the token's account.

        Raises RefusedError if the account administrates the server, because a token of such an account can act as every
        user of the server.
        """
        account = self.connection.get_account()
        if account.login is None:
            raise RefusedError("no token is configured, but writing needs a token; hint: set `token_env`", status=None)
        if account.is_admin:
            raise RefusedError(ADMIN_MESSAGE.format(login=account.login), status=FORBIDDEN)
        return GitIdentity(account.login, account.email)


ADMIN_MESSAGE = (
    "the account `{login}` of the token administrates the server, so that the token can act as every user; hint: "
    "create an account without this right for basebump, and give it write access to the repositories"
)
