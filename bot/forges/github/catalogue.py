"""List the repositories of a GitHub server and the commits of their default branches, with few requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from github import Github
from github.PaginatedList import PaginatedList
from github.Repository import Repository

from bot.forges._graphql import TooOldError, is_too_much
from bot.forges._refusal import NOT_FOUND, RefusedError
from bot.forges.github.connection import Connection
from bot.forges.github.errors import METADATA_READ, understood
from bot.forges.github.graphql import query

Item = TypeVar("Item")

PAGE = 100
"""The largest page that GitHub returns, and the largest number of nodes in a query by ids."""
MIN_PAGE = 10
"""The smallest page; a server that is too slow for it is read by REST."""
MAX_PAGES = 1_000
"""Pages of one owner's repositories, which are a hundred thousand repositories."""

_FOUND = """fragment Found on Repository {
  id nameWithOwner isArchived isDisabled isFork isPrivate
  defaultBranchRef { name target { oid } }
  repositoryTopics(first: 20) { nodes { topic { name } } }
}"""
"""A repository has at most twenty topics; a page of a hundred costs one of the five thousand points of an hour."""
_OWNED = (
    """query($owner: String!, $first: Int!, $after: String) {
  repositoryOwner(login: $owner) {
    repositories(
      first: $first, after: $after, ownerAffiliations: [OWNER], isArchived: false, isFork: false
      orderBy: {field: NAME, direction: ASC}
    ) { pageInfo { hasNextPage endCursor } nodes { ...Found } }
  }
}
"""
    + _FOUND
)
_NODES = "query($ids: [ID!]!) { nodes(ids: $ids) { ...Found } }\n" + _FOUND


@dataclass(frozen=True, slots=True)
class Listed:
    """A repository as GitHub describes it."""

    name: str
    node: str
    default_branch: str | None
    topics: tuple[str, ...]
    is_dead: bool
    """True for repositories that get no proposals: archived and disabled ones, and forks."""
    head: str | None = None
    """The commit of its default branch; None if the list does not have it."""
    is_public: bool | None = None
    """True if everybody can read it; internal repositories of an organisation or a server are not public."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The repositories of one GitHub server. Every method raises RefusedError.

    GraphQL returns a hundred repositories at once, with the commits of their default branches. A server that has no
    GraphQL or refuses the query is read by REST, which returns no commits.
    """

    connection: Connection

    def named(self, names: Sequence[str]) -> Mapping[str, Listed | RefusedError]:
        """Return the repositories with the given names, or the reason why one was not found, by the given names."""
        found: dict[str, Listed | RefusedError] = {}
        for batch in _by_owner(names):
            found |= self._named_at_once(batch) if len(batch) > 1 else {}
        return {name: found[name] if name in found else self._described(name) for name in names}

    def owned(self, owner: str, is_wanted: Callable[[Listed], bool]) -> list[Listed]:
        """Return the selected repositories of an owner, sorted by name.

        For an App these are the repositories of its installation: it may see other public ones, but not write to them.
        """
        is_app = self.connection.account().is_app
        found = self._included(owner, is_wanted) if is_app else self._listed(owner)
        prefix = f"{owner}/".lower()
        wanted = [each for each in found if each.name.lower().startswith(prefix) and is_wanted(each)]
        return sorted(wanted, key=lambda each: each.name.lower())

    def _named_at_once(self, names: Sequence[str]) -> dict[str, Listed | RefusedError]:
        """Return what one query finds of the repositories of one owner; failures are left to REST to explain."""
        owner = names[0].partition("/")[0]
        parts = [f"r{index}: repository(owner: $owner, name: $n{index}) {{ ...Found }}" for index in range(len(names))]
        given = ", ".join(f"$n{index}: String!" for index in range(len(names)))
        text = f"query($owner: String!, {given}) {{ {' '.join(parts)} }}\n{_FOUND}"
        variables = {f"n{index}": name.partition("/")[2] for index, name in enumerate(names)}
        try:
            answered = query(
                self.connection, f"find repositories of {owner}", text, {"owner": owner, **variables}, owner
            )
            with understood(owner):
                nodes = {name: answered.data.get(f"r{index}") for index, name in enumerate(names)}
                return {name: _from_graphql(node) for name, node in nodes.items() if node is not None}
        except (TooOldError, RefusedError):
            return {}

    def _described(self, name: str) -> Listed | RefusedError:
        try:
            return self.connection.read(
                f"find the repository {name}",
                lambda client: _from_rest(client.get_repo(name).complete()),
                about=name,
            )
        except RefusedError as refusal:
            return refusal

    def _listed(self, owner: str) -> list[Listed]:
        try:
            return self._owned_by_graphql(owner)
        except (TooOldError, RefusedError):
            return self._owned_by_rest(owner)

    def _owned_by_graphql(self, owner: str) -> list[Listed]:
        """List repositories page by page, with smaller pages if the server is slow. May raise TooOldError."""
        found: list[Listed] = []
        after: str | None = None
        size = PAGE
        for _ in range(MAX_PAGES):
            try:
                page = self._page(owner, size, after)
            except RefusedError as refusal:
                if not is_too_much(refusal) or size // 2 < MIN_PAGE:
                    raise
                size //= 2
                continue
            with understood(owner):
                found += [_from_graphql(each) for each in page["nodes"] if each is not None]
                if not page["pageInfo"]["hasNextPage"]:
                    break
                after = page["pageInfo"]["endCursor"]
        return found

    def _page(self, owner: str, size: int, after: str | None) -> Mapping[str, Any]:
        variables = {"owner": owner, "first": size, "after": after}
        answered = query(self.connection, f"list the repositories of {owner}", _OWNED, variables, owner)
        page = (answered.data.get("repositoryOwner") or {}).get("repositories")
        if not isinstance(page, Mapping):
            raise RefusedError(f"GitHub has no owner '{owner}'; hint: check the name", status=NOT_FOUND)
        return page

    def _included(self, owner: str, is_wanted: Callable[[Listed], bool]) -> list[Listed]:
        """List the repositories of an installation by REST, and look up the commits of the selected ones by GraphQL."""
        listed = [each for each in self._owned_by_rest(owner) if is_wanted(each)]
        heads: dict[str, Listed] = {}
        for batch in _in_batches(listed):
            heads |= self._nodes(owner, [each.node for each in batch])
        return [replace(each, head=heads[each.node].head) if each.node in heads else each for each in listed]

    def _nodes(self, owner: str, ids: Sequence[str]) -> dict[str, Listed]:
        """Return repositories by their ids; repositories that cannot be read are left out."""
        try:
            answered = query(self.connection, f"look up repositories of {owner}", _NODES, {"ids": list(ids)}, owner)
        except TooOldError:
            return {}
        except RefusedError as refusal:
            if not is_too_much(refusal) or len(ids) // 2 < MIN_PAGE:
                return {}
            half = len(ids) // 2
            return self._nodes(owner, ids[:half]) | self._nodes(owner, ids[half:])
        with understood(owner):
            return {each["id"]: _from_graphql(each) for each in answered.data["nodes"] if each is not None}

    def _owned_by_rest(self, owner: str) -> list[Listed]:
        def ask(client: Github) -> list[Listed]:
            return [_from_rest(each) for each in self._list(client, owner)]

        return self.connection.read(f"list the repositories of {owner}", ask, METADATA_READ, about=owner)

    def _list(self, client: Github, owner: str) -> PaginatedList[Repository]:
        """List the repositories of an owner that the token sees.

        Only a user's own token sees private repositories of that user.
        https://docs.github.com/en/rest/repos/repos, https://docs.github.com/en/rest/apps/installations
        """
        account = self.connection.account()
        if account.is_app:
            return PaginatedList(Repository, client.requester, "/installation/repositories", list_item="repositories")
        user = client.get_user(owner)
        if user.type == "Organization":
            return client.get_organization(owner).get_repos()
        if account.login is not None and account.login.lower() == owner.lower():
            return client.get_user().get_repos(affiliation="owner")
        return user.get_repos()


def _by_owner(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the names of each owner, in batches that fit into one query."""
    owners: dict[str, list[str]] = {}
    for name in names:
        owners.setdefault(name.partition("/")[0].lower(), []).append(name)
    for owned in owners.values():
        yield from _in_batches(owned)


def _in_batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + PAGE] for start in range(0, len(items), PAGE))


def _from_graphql(node: Mapping[str, Any]) -> Listed:
    branch = node["defaultBranchRef"]  # null in a repository without commits
    return Listed(
        name=node["nameWithOwner"],
        node=node["id"],
        default_branch=branch["name"] if branch is not None else None,
        topics=tuple(each["topic"]["name"] for each in node["repositoryTopics"]["nodes"]),
        is_dead=node["isArchived"] or node["isDisabled"] or node["isFork"],
        head=branch["target"]["oid"] if branch is not None else None,
        is_public=not node["isPrivate"],
    )


def _from_rest(repository: Repository) -> Listed:
    return Listed(
        name=repository.full_name,
        node=repository.node_id,
        default_branch=repository.default_branch,
        topics=tuple(repository.topics or ()),
        is_dead=repository.archived or repository.disabled or repository.fork,
        is_public=not repository.private,
    )
