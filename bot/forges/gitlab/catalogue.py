"""The lists of the projects of a GitLab server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from gitlab import Gitlab

from bot.forges.gitlab.connection import PER_PAGE, GitLabConnection, run_query
from bot.forges.gitlab.gitlab_errors import translate_errors
from bot.forges.hosted.catalogue import MAX_PAGES, CataloguePage, ListedRepository, list_by_pages
from bot.forges.hosted.refusal import NOT_FOUND, RefusedError, UnsupportedQueryError

_OWNER_KINDS = ("group", "namespace")
"""The GraphQL fields for the kinds of owners: groups that the token can see, and namespaces of users."""
_OWNED_QUERY = """query($owner: ID!, $first: Int!, $after: String) {
  owner: %s(fullPath: $owner) {
    projects(first: $first, after: $after, includeSubgroups: true, notAimedForDeletion: true) {
      pageInfo { hasNextPage endCursor }
      nodes { ...Found }
    }
  }
}"""
_MAX_NAMES = 50
"""The largest number of projects that GitLab looks up by name with one query."""
_NAMED_QUERY = "query($names: [String!]!) { projects(fullPaths: $names) { nodes { ...Found } } }"
_FRAGMENT = """
fragment Found on Project {
  id fullPath archived isForked visibility topics repository { rootRef empty tree { lastCommit { sha } } }
}"""
"""A page of a hundred projects has a complexity of about 60. The limit for one query is 250. `lastCommit` of the root
folder is the commit that the default branch points to, even if this commit is a merge or changes no file. For the root
folder, GitLab lists the history of the branch without a path (`LastCommitResolver`)."""


class _UnknownOwnerError(Exception):
    """The server shows no group, or no user namespace, with this name."""


@dataclass(frozen=True, slots=True)
class GitLabCatalogue:
    """Finds and lists the projects of one GitLab server.

    GraphQL returns a hundred projects at once, with the commits of their default branches. If GraphQL is not available
    or refuses the query, REST is used, whose lists contain no commits.
    """

    connection: GitLabConnection

    def find_named(self, names: Sequence[str]) -> Iterator[tuple[str, ListedRepository | RefusedError]]:
        """Look up projects by full path; yield each path with the project, or with the error.

        GraphQL does not find projects by their former paths. On some servers, it does not find projects that are marked
        for deletion either. REST finds both, and its error messages are better.
        """
        found: dict[str, ListedRepository] = {}
        if len(names) > 1:
            for start in range(0, len(names), _MAX_NAMES):
                found |= self._find_by_graphql(names[start : start + _MAX_NAMES])
        for name in names:
            yield name, found.get(name.lower()) or self._find_by_rest(name)

    def list_owned(self, owner: str, is_selected: Callable[[ListedRepository], bool]) -> list[ListedRepository]:
        """Return the projects of a group or user for which `is_selected` returns True, sorted by name.

        If `owner` is a group, its subgroups are included. Raises RefusedError if an API call fails.
        """
        try:
            projects = self._list_by_graphql(owner)
        except (UnsupportedQueryError, RefusedError):
            projects = self._list_by_rest(owner)
        return sorted(filter(is_selected, projects), key=lambda each: each.name.lower())

    def _find_by_graphql(self, names: Sequence[str]) -> dict[str, ListedRepository]:
        """Look up projects with one query. Return the existing projects by their paths in lower case."""
        try:
            answer = run_query(self.connection, "find projects", _NAMED_QUERY + _FRAGMENT, {"names": list(names)})
            with translate_errors(", ".join(names)):
                projects = [_parse_graphql(each) for each in answer["projects"]["nodes"] if each is not None]
        except (UnsupportedQueryError, RefusedError):
            return {}
        return {each.name.lower(): each for each in projects}

    def _find_by_rest(self, name: str) -> ListedRepository | RefusedError:
        try:
            with translate_errors(name):
                return self.connection.read(
                    f"find the project {name}", lambda client: _parse_rest(client.projects.get(name).attributes)
                )
        except RefusedError as refusal:
            return refusal

    def _list_by_graphql(self, owner: str) -> list[ListedRepository]:
        """Return all projects of an owner, listed with GraphQL.

        Raises RefusedError if the query fails, and UnsupportedQueryError if the server does not support it.
        """
        for kind in _OWNER_KINDS:
            query_page = partial(self._query_page, owner, _OWNED_QUERY % kind + _FRAGMENT)
            try:
                return list_by_pages(query_page)
            except _UnknownOwnerError:
                continue
        raise RefusedError(
            f"GitLab does not show a group or user named '{owner}'; hint: check the name", status=NOT_FOUND
        )

    def _query_page(self, owner: str, text: str, size: int, cursor: str | None) -> CataloguePage:
        variables = {"owner": owner, "first": size, "after": cursor}
        answer = run_query(self.connection, f"list the projects of {owner}", text, variables)
        with translate_errors(owner):
            if answer["owner"] is None:
                raise _UnknownOwnerError
            page = answer["owner"]["projects"]
            repositories = [_parse_graphql(each) for each in page["nodes"] if each is not None]
            position = page["pageInfo"]
            return CataloguePage(
                repositories, position["hasNextPage"], position["endCursor"] if position["hasNextPage"] else None
            )

    def _list_by_rest(self, owner: str) -> list[ListedRepository]:
        """Return all projects of the group `owner`, or of the user `owner` if there is no such group.

        https://docs.gitlab.com/api/groups/#list-projects, https://docs.gitlab.com/api/projects/#list-a-users-projects
        """
        order: dict[str, Any] = {"archived": False, "order_by": "id", "sort": "asc"}
        try:
            return self._read_pages(
                owner,
                lambda client: client.groups.get(owner, lazy=True).projects.list(
                    iterator=True, include_subgroups=True, with_shared=False, **order
                ),
            )
        except RefusedError as refusal:
            if refusal.status != NOT_FOUND or "/" in owner:
                raise
        return self._read_pages(
            owner, lambda client: client.users.get(owner, lazy=True).projects.list(iterator=True, **order)
        )

    def _read_pages(self, owner: str, pages: Callable[[Gitlab], Iterable[Any]]) -> list[ListedRepository]:
        def fetch(client: Gitlab) -> list[ListedRepository]:
            return [_parse_rest(each.attributes) for each in islice(pages(client), MAX_PAGES * PER_PAGE)]

        return self.connection.read(f"list the projects of {owner}", fetch)


def _parse_graphql(node: Mapping[str, Any]) -> ListedRepository:
    repository = node["repository"] or {
        "empty": True,
        "rootRef": None,
        "tree": None,
    }  # null if not visible
    commit = (repository["tree"] or {}).get("lastCommit")
    return ListedRepository(
        name=str(node["fullPath"]),
        server_id=str(int(node["id"].rpartition("/")[2])),
        default_branch=repository["rootRef"],
        topics=tuple(node["topics"] or ()),
        is_excluded=bool(node["archived"] or node["isForked"] or repository["empty"]),
        head_commit=str(commit["sha"]) if commit else None,
        is_public=_is_public(node["visibility"]),
    )


def _parse_rest(project: Mapping[str, Any]) -> ListedRepository:
    """Return the project in a response of the REST API.

    Some fields can be missing because the token is not allowed to read them, or because the server is too old.
    """
    return ListedRepository(
        name=str(project["path_with_namespace"]),
        server_id=str(int(project["id"])),
        default_branch=project.get("default_branch"),
        topics=tuple(project.get("topics") or ()),
        is_excluded=any(
            project.get(key) for key in ("archived", "empty_repo", "forked_from_project", "marked_for_deletion_on")
        ),
        is_public=_is_public(project.get("visibility")),
    )


def _is_public(visibility: str | None) -> bool | None:
    """Return True if everybody can see a project; None if GitLab reports no visibility.

    For an internal project, which only users with an account can see, return False.
    """
    return visibility == "public" if visibility is not None else None
