"""A Gitea or Forgejo server, and the lists of its repositories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

from bot.forges.gitea.attributes import GiteaAutomerge
from bot.forges.gitea.branches import GiteaBranches
from bot.forges.gitea.ci import GiteaCi
from bot.forges.gitea.commits import GiteaCommits
from bot.forges.gitea.connection import GiteaConnection, GiteaRemote
from bot.forges.gitea.gitea_errors import GITEA_ERRORS, READ_ORGANIZATION, READ_USER
from bot.forges.gitea.pull_requests import (
    DRAFT_PREFIX,
    GiteaIssues,
    GiteaRequestReader,
    GiteaRequestWriter,
    GiteaStatuses,
)
from bot.forges.gitea.token_examination import GiteaExamination
from bot.forges.gitea.tree import open_tree
from bot.forges.hosted.catalogue import ListedRepository
from bot.forges.hosted.fleet import get_clone_host
from bot.forges.hosted.forge import HostedRepository
from bot.forges.hosted.refusal import NOT_FOUND, RefusedError
from bot.forges.hosted.server import RestServer
from bot.model.forge import ForgeLimits

KIND = "gitea"
_LIMITS = ForgeLimits(
    body_characters=262_144,  # the server stores longer texts, but shows them slowly
    title_characters=255 - len(DRAFT_PREFIX),
    has_statuses=True,
    has_alerts=True,  # Gitea before 1.22 and Forgejo before 8 show alerts as quotes
)
_PUBLIC = "public"
_EXCLUDED = ("archived", "empty", "fork", "mirror")


def open_server(url: str, token: str | None, **options: Any) -> GiteaServer:
    """Return a server that is accessed with a token, or without one. No request is sent yet.

    `options` are the arguments of `GiteaConnection`.
    """
    connection = GiteaConnection(url, token, **options)
    return GiteaServer(connection.url, connection)


class GiteaServer(RestServer[GiteaConnection]):
    """A Gitea or Forgejo server."""

    kind = KIND

    @property
    def clone_host(self) -> str | None:
        return get_clone_host(self.url)

    def build_files_url(self, name: str, branch: str) -> str:
        return f"{self.url}/{quote(name)}/src/branch/{quote(branch)}/"

    def find(self, name: str) -> ListedRepository:
        return _parse_repository(GiteaRemote(self.connection, name).read_json("read the settings"))

    def list_all(self, owner: str) -> Iterable[ListedRepository]:
        """Return the repositories of the organization `owner`.

        If the organization does not exist, return the repositories of the user `owner`.
        """
        try:
            listed = self._list(owner, "orgs", READ_ORGANIZATION)
        except RefusedError as refusal:
            if refusal.status != NOT_FOUND:
                raise
            listed = self._list(owner, "users", READ_USER)
        return map(_parse_repository, listed)

    def create_examination(self) -> GiteaExamination:
        return GiteaExamination(self.connection)

    def open_repository(self, name: str, server_id: str | None) -> HostedRepository:  # noqa: ARG002 - by name
        remote = GiteaRemote(self.connection, name)
        return HostedRepository(
            name=name,
            limits=_LIMITS,
            errors=GITEA_ERRORS,
            pause=self.connection.pause,
            open_tree=partial(open_tree, remote),
            branches=GiteaBranches(remote),
            commits=GiteaCommits(remote),
            requests=GiteaRequestReader(remote),
            request_writer=GiteaRequestWriter(remote),
            automerge=GiteaAutomerge(remote),
            statuses=GiteaStatuses(remote),
            ci=GiteaCi(remote),
            issues=GiteaIssues(remote),
        )

    def _list(self, owner: str, kind: str, permission: str) -> list[Any]:
        action, path = f"list the repositories of {owner}", f"/{kind}/{quote(owner)}/repos"
        return self.connection.list_pages(action, path, permission)


def _parse_repository(data: Mapping[str, Any]) -> ListedRepository:
    """Return a repository in a response. It counts as public only if its owner is public, too."""
    is_hidden = data["private"] or data.get("internal") or data["owner"].get("visibility", _PUBLIC) != _PUBLIC
    return ListedRepository(
        name=str(data["full_name"]),
        server_id=None,
        default_branch=str(data["default_branch"]) if not data["empty"] else None,
        topics=tuple(data.get("topics") or ()),
        is_excluded=any(data[key] for key in _EXCLUDED) or not data.get("has_pull_requests", True),
        is_public=not is_hidden,
    )
