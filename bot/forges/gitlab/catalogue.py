"""List the projects of a GitLab server and the commits of their default branches, with few requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from gitlab import Gitlab

from bot.forges._graphql import TooOldError, is_too_much
from bot.forges._refusal import NOT_FOUND, RefusedError
from bot.forges.gitlab.connection import PER_PAGE, Connection
from bot.forges.gitlab.errors import understood
from bot.forges.gitlab.graphql import query

MIN_PAGE = 10
"""The smallest page; a server that is too slow for it is read by REST."""
MAX_PAGES = 1_000
"""Pages of one group's projects, which are a hundred thousand projects."""

_OWNERS = ("group", "namespace")
"""The kinds of owners: groups, as far as the token may see them, and the namespace of a person."""
_OWNED = """query($owner: ID!, $first: Int!, $after: String) {
  owner: %s(fullPath: $owner) {
    projects(first: $first, after: $after, includeSubgroups: true, notAimedForDeletion: true) {
      pageInfo { hasNextPage endCursor }
      nodes { id fullPath archived isForked visibility topics repository { rootRef empty tree { lastCommit { sha } } } }
    }
  }
}"""
"""A page of a hundred costs about sixty of the 250 points that a query may have."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A project as GitLab describes it."""

    name: str
    number: int
    default_branch: str | None
    topics: tuple[str, ...]
    is_dead: bool
    """True for projects that get no proposals: archived and empty ones, forks, and those marked for deletion."""
    head: str | None = None
    """The commit of its default branch; None if the list does not have it."""
    is_public: bool | None = None
    """True if everybody can read it; internal projects of a server are not public. None if GitLab does not say."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The projects of one GitLab server. Every method raises RefusedError.

    GraphQL returns a hundred projects at once, with the commits of their default branches. A server that has no GraphQL
    or refuses the query is read by REST, which returns no commits.
    """

    connection: Connection

    def named(self, name: str) -> Listed:
        """Return one project by its full path, or by a full path that it had before."""
        with understood(name):
            return self.connection.read(
                f"find the project {name}", lambda client: _from_rest(client.projects.get(name).attributes)
            )

    def owned(self, owner: str) -> list[Listed]:
        """Return the projects of a group and its subgroups, or of a person, sorted by name."""
        try:
            found = self._owned_by_graphql(owner)
        except (TooOldError, RefusedError):
            found = self._owned_by_rest(owner)
        return sorted(found, key=lambda each: each.name.lower())

    def _owned_by_graphql(self, owner: str) -> list[Listed]:
        """List projects by GraphQL. May raise TooOldError."""
        for kind in _OWNERS:
            found = self._pages(owner, _OWNED % kind)
            if found is not None:
                return found
        raise RefusedError(f"GitLab shows no group or user '{owner}'; hint: check the name", status=NOT_FOUND)

    def _pages(self, owner: str, text: str) -> list[Listed] | None:
        """List projects page by page, with smaller pages if the server is slow; None if there is no such owner."""
        found: list[Listed] = []
        after: str | None = None
        size = PER_PAGE
        for _ in range(MAX_PAGES):
            try:
                variables = {"owner": owner, "first": size, "after": after}
                answered = query(self.connection, f"list the projects of {owner}", text, variables)
            except RefusedError as refusal:
                if not is_too_much(refusal) or size // 2 < MIN_PAGE:
                    raise
                size //= 2
                continue
            with understood(owner):
                if answered["owner"] is None:
                    return None
                page = answered["owner"]["projects"]
                found += [_from_graphql(each) for each in page["nodes"] if each is not None]
                if not page["pageInfo"]["hasNextPage"]:
                    break
                after = page["pageInfo"]["endCursor"]
        return found

    def _owned_by_rest(self, owner: str) -> list[Listed]:
        """List the projects of a group, or of a person if there is no such group.

        https://docs.gitlab.com/api/groups/#list-projects, https://docs.gitlab.com/api/projects/#list-a-users-projects
        """
        order: dict[str, Any] = {"archived": False, "order_by": "id", "sort": "asc"}
        try:
            return self._listed(
                owner,
                lambda client: client.groups.get(owner, lazy=True).projects.list(
                    iterator=True, include_subgroups=True, with_shared=False, **order
                ),
            )
        except RefusedError as refusal:
            if refusal.status != NOT_FOUND or "/" in owner:
                raise
        return self._listed(
            owner, lambda client: client.users.get(owner, lazy=True).projects.list(iterator=True, **order)
        )

    def _listed(self, owner: str, pages: Callable[[Gitlab], Iterable[Any]]) -> list[Listed]:
        def ask(client: Gitlab) -> list[Listed]:
            return [_from_rest(each.attributes) for each in islice(pages(client), MAX_PAGES * PER_PAGE)]

        return self.connection.read(f"list the projects of {owner}", ask)


def _from_graphql(node: Mapping[str, Any]) -> Listed:
    repository = node["repository"] or {
        "empty": True,
        "rootRef": None,
        "tree": None,
    }  # null if not visible
    commit = (repository["tree"] or {}).get("lastCommit")
    return Listed(
        name=str(node["fullPath"]),
        number=int(node["id"].rpartition("/")[2]),
        default_branch=repository["rootRef"],
        topics=tuple(node["topics"] or ()),
        is_dead=bool(node["archived"] or node["isForked"] or repository["empty"]),
        head=str(commit["sha"]) if commit else None,
        is_public=_is_public(node["visibility"]),
    )


def _from_rest(project: Mapping[str, Any]) -> Listed:
    """Parse a project; fields that the token may not see, or that the server does not have, are missing."""
    return Listed(
        name=str(project["path_with_namespace"]),
        number=int(project["id"]),
        default_branch=project.get("default_branch"),
        topics=tuple(project.get("topics") or ()),
        is_dead=any(
            project.get(key) for key in ("archived", "empty_repo", "forked_from_project", "marked_for_deletion_on")
        ),
        is_public=_is_public(project.get("visibility")),
    )


def _is_public(visibility: str | None) -> bool | None:
    """Return True if everybody can see a project, not only accounts (`internal`); None if GitLab does not say."""
    return visibility == "public" if visibility is not None else None
