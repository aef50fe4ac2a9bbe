"""The connection to a Gitea or Forgejo server.

Forgejo began as a copy of Gitea, and both servers still have the same API with few differences:
https://docs.gitea.com/api/, https://forgejo.org/docs/latest/user/api-usage/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from bot.forges.git.command import GitIdentity
from bot.forges.git.remote import GitOrigin
from bot.forges.gitea.gitea_errors import (
    GITEA_ERRORS,
    READ_REPOSITORY,
    READ_USER,
    WRITE_ISSUE,
    WRITE_REPOSITORY,
)
from bot.forges.hosted.connection import SharedValue
from bot.forges.hosted.pulls import PullPermissions
from bot.forges.hosted.refusal import FORBIDDEN, UNAUTHORIZED, RefusedError
from bot.forges.hosted.rest import Query, RestAccount, RestConnection, RestRemote

PER_PAGE = 50
"""The largest number of items on a page to request, which is the servers' default limit (`MAX_RESPONSE_ITEMS`). Larger
pages would be very long, because each pull request contains its repository twice."""
RULES = "/branch_protections"
"""The path of the rules for protected branches, which only administrators of a repository can read."""
FORGEJO_MARK = "+gitea-"
"""The part of Forgejo's version before the Gitea version with which Forgejo's API is compatible."""
_FEW_ITEMS = 30
"""The number of items to request on a page, and of files in a response, if the server does not state its limits."""
_FEW_TREE_ENTRIES = 1_000


@dataclass(frozen=True, slots=True)
class GiteaLimits:
    """The limits in the settings of a server: https://docs.gitea.com/administration/config-cheat-sheet#api-api."""

    page_items: int
    """The largest number of items on a page of a list."""
    files: int
    """The largest number of files whose contents one response contains."""
    tree_entries: int
    """The largest number of entries on a page of a tree."""


class GiteaConnection(RestConnection):
    """The access to one server, which all threads share. The header `Sudo` is never sent.

    The server's version, its limits and the token's account are fetched only once. Methods raise RefusedError if an API
    call fails.
    """

    errors = GITEA_ERRORS
    read_permission, write_permission = READ_REPOSITORY, WRITE_REPOSITORY

    def __init__(self, url: str, token: str | None, **options: Any) -> None:
        """Prepare requests to the server whose web interface is at `url`. No request is sent yet.

        `options` are the arguments of `RestConnection`.
        """
        super().__init__(url, "/api/v1", (lambda: token) if token is not None else None, **options)
        self._version = SharedValue[str]()
        self._limits = SharedValue[GiteaLimits]()
        self.has_file_contents = True
        """True until the server turns out to have no API call for the contents of several files."""

    def build_authorization(self, secret: str) -> str:
        return f"token {secret}"

    def get_page_size(self) -> int:
        return self.get_limits().page_items

    def build_page_query(self, page: int) -> Query:
        return {"limit": self.get_page_size(), "page": page}

    def list_messages(self, data: Any) -> Iterator[str]:
        """Yield the messages of an error response: https://docs.gitea.com/development/api-usage."""
        if isinstance(data, dict):
            message, errors = data.get("message"), data.get("errors")
            if isinstance(message, str):
                yield message
            if isinstance(errors, list):
                yield from (each for each in errors if isinstance(each, str))

    def get_version(self) -> str:
        """Return the version of the server, such as `1.26.0`, or `16.0.1+gitea-1.22.0` for Forgejo."""
        return self._version.get(self._fetch_version)

    def get_limits(self) -> GiteaLimits:
        return self._limits.get(self._fetch_limits)

    def fetch_account(self) -> RestAccount:
        with GITEA_ERRORS.translate(self.url):
            user = self.read("identify the token", "/user", READ_USER)
            login = str(user["login"])
            email = user["email"] or f"{login}@noreply.{urlsplit(self.url).hostname}"
            return RestAccount(login, login, str(email), bool(user.get("is_admin")))

    def build_origin(self, name: str) -> GitOrigin:
        """Return the clone URL of a repository, together with the login for the token."""
        return GitOrigin(f"{self.url}/{quote(name)}.git", self.fetch_clone_login(name), self.ca, self.pace)

    def _fetch_version(self) -> str:
        with GITEA_ERRORS.translate(self.url):
            return str(self.read("read the version", "/version")["version"])

    def _fetch_limits(self) -> GiteaLimits:
        try:
            with GITEA_ERRORS.translate(self.url):
                settings = self.read("read the limits", "/settings/api")
                return GiteaLimits(
                    max(min(int(settings["max_response_items"]), PER_PAGE), 1),
                    max(int(settings["default_paging_num"]), 1),
                    max(int(settings["default_git_trees_per_page"]), 1),
                )
        except RefusedError as refusal:
            if refusal.status is None or refusal.status == UNAUTHORIZED or refusal.may_have_worked:
                raise
            return GiteaLimits(_FEW_ITEMS, _FEW_ITEMS, _FEW_TREE_ENTRIES)


class GiteaRemote(RestRemote[GiteaConnection]):
    """One repository `owner/repository` on a server."""

    @property
    def path(self) -> str:
        return f"/repos/{quote(self.name)}"

    @property
    def permissions(self) -> PullPermissions:
        return PullPermissions(WRITE_REPOSITORY, WRITE_ISSUE, WRITE_REPOSITORY, WRITE_ISSUE)

    def is_own_user(self, user: Mapping[str, Any] | None) -> bool:
        return self.connection.get_account().has_id(get_login(user))

    def get_identity(self) -> GitIdentity:
        """Return the author of commits in the repository: the token's account.

        Raises RefusedError if there is no token, or if the account is an administrator of the server. The token of an
        administrator can act as every user of the server.
        """
        account = self.connection.get_account()
        if account.id is None:
            raise RefusedError("no token is configured, but writing needs a token; hint: set `token_env`", status=None)
        if account.is_admin:
            raise RefusedError(ADMIN_MESSAGE.format(login=account.id), status=FORBIDDEN)
        return GitIdentity(account.id, account.email)


ADMIN_MESSAGE = (
    "the account `{login}` of the token administers the server, so that the token can act as every user; hint: "
    "create an account without this right for basebump, and give it write access to the repositories"
)


def get_login(user: Mapping[str, Any] | None) -> str | None:
    """Return the login of a user in a response; None if the response has no user, because the account was deleted."""
    return str(user["login"]) if user is not None else None
