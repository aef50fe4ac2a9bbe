"""The lists of the repositories of a GitHub server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from github import Github
from github.PaginatedList import PaginatedList
from github.Repository import Repository

from bot.forges.github.activity import build_activity_fields, parse_activity, parse_tree
from bot.forges.github.connection import GitHubConnection, run_query
from bot.forges.github.github_errors import CONTENTS_READ, ISSUES_READ, METADATA_READ, translate_errors
from bot.forges.hosted.catalogue import MIN_PAGE, PAGE, CataloguePage, ListedRepository, list_by_pages
from bot.forges.hosted.refusal import NOT_FOUND, RefusedError, UnsupportedQueryError, is_query_too_large
from bot.model.forge import ActivityScope

Item = TypeVar("Item")

_REPOSITORY_FIELDS = """
  id nameWithOwner isArchived isDisabled isFork isPrivate
  defaultBranchRef { name target { oid } }
  repositoryTopics(first: 20) { nodes { topic { name } } }"""
"""A repository has at most twenty topics. A page of a hundred repositories costs one point, and a token has five
thousand points per hour."""
_OWNED_QUERY = """query($owner: String!, $first: Int!, $after: String) {
  repositoryOwner(login: $owner) {
    repositories(
      first: $first, after: $after, ownerAffiliations: [OWNER], isArchived: false, isFork: false
      orderBy: {field: NAME, direction: ASC}
    ) { pageInfo { hasNextPage endCursor } nodes { ...Found } }
  }
}"""
_GATEWAY_TIMEOUT = 504
_NOT_FOUND = "NOT_FOUND"
"""The type of GraphQL error for a repository that does not exist, or that the token cannot see."""
_IDS_QUERY = "query($ids: [ID!]!) { nodes(ids: $ids) { ...Found } }"


@dataclass(frozen=True, slots=True)
class GitHubCatalogue:
    """Finds and lists the repositories of one GitHub server. Methods raise RefusedError if an API call fails.

    GraphQL returns a hundred repositories at once, with the commits of their default branches. If GraphQL is not
    available or refuses the query, REST is used, whose lists contain no commits.
    """

    connection: GitHubConnection

    def find_named(
        self, names: Sequence[str], scope: ActivityScope | None
    ) -> Mapping[str, ListedRepository | RefusedError]:
        """Look up repositories by name.

        For each name, return the repository, or the error if the repository cannot be read.

        If `scope` is None, the repositories have no trees and no activities.

        If `names` contains the old name of a renamed repository, the result contains the repository under its old name.
        """
        repositories: dict[str, ListedRepository | RefusedError] = {}
        for batch in _group_by_owner(names):
            if len(batch) > 1 or scope is not None:
                repositories |= self._find_by_graphql(batch, scope)
        return {name: repositories[name] if name in repositories else self._find_by_rest(name) for name in names}

    def list_owned(
        self, owner: str, is_selected: Callable[[ListedRepository], bool], scope: ActivityScope | None
    ) -> list[ListedRepository]:
        """Return the repositories of an owner for which `is_selected` returns True, sorted by name.

        With the credentials of an App, only repositories in the App's installation are returned, because the App cannot
        write to other repositories. `find_named` explains `scope`.
        """
        is_app = self.connection.get_account().is_app
        repositories = self._list_installed(owner, is_selected, scope) if is_app else self._list_all_owned(owner, scope)
        prefix = f"{owner}/".lower()
        selected = [each for each in repositories if each.name.lower().startswith(prefix) and is_selected(each)]
        return sorted(selected, key=lambda each: each.name.lower())

    def _find_by_graphql(
        self, names: Sequence[str], scope: ActivityScope | None
    ) -> dict[str, ListedRepository | RefusedError]:
        """Look up repositories of one owner with one GraphQL query. Return the existing repositories by name.

        For each missing name, the caller uses REST, whose error messages are better.
        """
        owner = names[0].partition("/")[0]
        fields = [f"r{index}: repository(owner: $owner, name: $n{index}) {{ ...Found }}" for index in range(len(names))]
        parameters = ", ".join(f"$n{index}: String!" for index in range(len(names)))
        text = f"query($owner: String!, {parameters}) {{ {' '.join(fields)} }}"
        variables = {f"n{index}": name.partition("/")[2] for index, name in enumerate(names)}
        try:
            data = self._run_query(f"find repositories of {owner}", text, {"owner": owner, **variables}, owner, scope)
            with translate_errors(owner):
                nodes = {name: data.get(f"r{index}") for index, name in enumerate(names)}
                return {name: _parse_graphql(node, scope) for name, node in nodes.items() if node is not None}
        except (UnsupportedQueryError, RefusedError):
            return self._find_by_graphql(names, None) if scope is not None else {}

    def _find_by_rest(self, name: str) -> ListedRepository | RefusedError:
        try:
            return self.connection.read(
                f"find the repository {name}",
                lambda client: _parse_rest(client.get_repo(name).complete()),
                about=name,
            )
        except RefusedError as refusal:
            return refusal

    def _list_all_owned(self, owner: str, scope: ActivityScope | None) -> list[ListedRepository]:
        try:
            return self._list_by_graphql(owner, scope)
        except (UnsupportedQueryError, RefusedError):
            return self._list_by_rest(owner) if scope is None else self._list_all_owned(owner, None)

    def _list_by_graphql(self, owner: str, scope: ActivityScope | None) -> list[ListedRepository]:
        """Return all repositories of an owner, listed with GraphQL.

        Raises RefusedError if the query fails, and UnsupportedQueryError if the server does not support it.
        """
        return list_by_pages(lambda size, cursor: self._query_page(owner, size, cursor, scope))

    def _query_page(self, owner: str, size: int, cursor: str | None, scope: ActivityScope | None) -> CataloguePage:
        variables = {"owner": owner, "first": size, "after": cursor}
        data = self._run_query(f"list the repositories of {owner}", _OWNED_QUERY, variables, owner, scope)
        page = (data.get("repositoryOwner") or {}).get("repositories")
        if not isinstance(page, Mapping):
            raise RefusedError(f"GitHub has no user or organisation '{owner}'; hint: check the name", status=NOT_FOUND)
        with translate_errors(owner):
            repositories = [_parse_graphql(each, scope) for each in page["nodes"] if each is not None]
            position = page["pageInfo"]
            return CataloguePage(
                repositories, position["hasNextPage"], position["endCursor"] if position["hasNextPage"] else None
            )

    def _list_installed(
        self, owner: str, is_selected: Callable[[ListedRepository], bool], scope: ActivityScope | None
    ) -> list[ListedRepository]:
        """Return the repositories in the App's installation on `owner` for which `is_selected` returns True.

        REST lists the repositories. GraphQL then returns the newest commit of each selected repository.
        """
        listed = [each for each in self._list_by_rest(owner) if is_selected(each)]
        heads: dict[str, ListedRepository] = {}
        for batch in _split_into_pages(listed):
            ids = [each.server_id for each in batch if each.server_id is not None]
            heads |= self._find_by_ids(owner, ids, scope)
        return [_add_head(each, heads.get(each.server_id or "")) for each in listed]

    def _find_by_ids(self, owner: str, ids: Sequence[str], scope: ActivityScope | None) -> dict[str, ListedRepository]:
        """Return the repositories with these GraphQL ids, by id.

        Repositories that the token cannot read are left out.
        """
        try:
            data = self._run_query(f"look up repositories of {owner}", _IDS_QUERY, {"ids": list(ids)}, owner, scope)
            with translate_errors(owner):
                return {each["id"]: _parse_graphql(each, scope) for each in data["nodes"] if each is not None}
        except UnsupportedQueryError:
            return {}
        except RefusedError as refusal:
            if is_query_too_large(refusal) and len(ids) // 2 >= MIN_PAGE:
                half = len(ids) // 2
                return self._find_by_ids(owner, ids[:half], scope) | self._find_by_ids(owner, ids[half:], scope)
            return self._find_by_ids(owner, ids, None) if scope is not None else {}

    def _run_query(
        self, action: str, query: str, variables: Mapping[str, Any], owner: str, scope: ActivityScope | None
    ) -> Mapping[str, Any]:
        """Send a query for repositories, and return the data of the response.

        If the token cannot read a part of an activity, GitHub omits the whole repository, and the query is repeated
        without activities. If the query is so large that GitHub omits parts of the response, raise RefusedError, as
        after a timeout. Raises RefusedError if the query fails, and UnsupportedQueryError if the server does not
        support it.
        """
        fields = _REPOSITORY_FIELDS + (build_activity_fields(scope) if scope is not None else "")
        answer = run_query(
            self.connection,
            action,
            f"{query}\nfragment Found on Repository {{{fields}\n}}",
            variables,
            owner,
            ISSUES_READ if scope is not None and scope.has_dashboard else CONTENTS_READ,
        )
        if scope is not None and answer.is_truncated:
            raise RefusedError(f"{owner}: GitHub omitted a part of the answer to a query", status=_GATEWAY_TIMEOUT)
        if scope is not None and any(each.get("type") != _NOT_FOUND for each in answer.problems):
            return self._run_query(action, query, variables, owner, None)
        return answer.data

    def _list_by_rest(self, owner: str) -> list[ListedRepository]:
        def fetch(client: Github) -> list[ListedRepository]:
            return [_parse_rest(each) for each in self._list_visible(client, owner)]

        return self.connection.read(f"list the repositories of {owner}", fetch, METADATA_READ, about=owner)

    def _list_visible(self, client: Github, owner: str) -> PaginatedList[Repository]:
        """Return the repositories of an owner that the token can see, with pages that are fetched when needed.

        A user's private repositories are visible only to a token of this user.

        https://docs.github.com/en/rest/repos/repos, https://docs.github.com/en/rest/apps/installations
        """
        account = self.connection.get_account()
        if account.is_app:
            return PaginatedList(Repository, client.requester, "/installation/repositories", list_item="repositories")
        user = client.get_user(owner)
        if user.type == "Organization":
            return client.get_organization(owner).get_repos()
        if account.login is not None and account.login.lower() == owner.lower():
            return client.get_user().get_repos(affiliation="owner")
        return user.get_repos()


def _group_by_owner(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the names in batches that fit into one query, with names of only one owner in each batch."""
    owners: dict[str, list[str]] = {}
    for name in names:
        owners.setdefault(name.partition("/")[0].lower(), []).append(name)
    for owner_names in owners.values():
        yield from _split_into_pages(owner_names)


def _split_into_pages(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + PAGE] for start in range(0, len(items), PAGE))


def _parse_graphql(node: Mapping[str, Any], scope: ActivityScope | None) -> ListedRepository:
    branch = node["defaultBranchRef"]  # null in a repository without commits
    return ListedRepository(
        name=node["nameWithOwner"],
        server_id=node["id"],
        default_branch=branch["name"] if branch is not None else None,
        topics=tuple(each["topic"]["name"] for each in node["repositoryTopics"]["nodes"]),
        is_excluded=node["isArchived"] or node["isDisabled"] or node["isFork"],
        head_commit=branch["target"]["oid"] if branch is not None else None,
        is_public=not node["isPrivate"],
        tree=parse_tree(node),
        activity=parse_activity(node, scope) if scope is not None else None,
    )


def _add_head(listed: ListedRepository, found: ListedRepository | None) -> ListedRepository:
    """Return a repository that REST listed, with the default branch, commit, tree and activity from GraphQL."""
    if found is None:
        return listed
    return replace(listed, head_commit=found.head_commit, tree=found.tree, activity=found.activity)


def _parse_rest(repository: Repository) -> ListedRepository:
    return ListedRepository(
        name=repository.full_name,
        server_id=repository.node_id,
        default_branch=repository.default_branch,
        topics=tuple(repository.topics or ()),
        is_excluded=repository.archived or repository.disabled or repository.fork,
        is_public=not repository.private,
    )
