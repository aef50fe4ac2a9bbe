"""A GitHub server, which is github.com or an Enterprise Server, and the lists of its repositories."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from github import Github
from github.PaginatedList import PaginatedList
from github.Repository import Repository

from bot.forges.github.app import AppKey, AppTokens, InvalidKeyError
from bot.forges.github.attributes import GitHubAutomerge
from bot.forges.github.branches import WORKFLOWS_FOLDER, GitHubBranches
from bot.forges.github.commits import GitHubCommits
from bot.forges.github.connection import GitHubConnection, GitHubRemote, StaticToken, TokenSource, run_query
from bot.forges.github.errors import GITHUB_ERRORS, METADATA_READ, translate_errors
from bot.forges.github.examination import GitHubExamination
from bot.forges.github.requests import GitHubIssues, GitHubRequestReader, GitHubRequestWriter, GitHubStatuses
from bot.forges.github.tree import open_tree
from bot.forges.github.workflows import WorkflowStarter
from bot.forges.hosted.catalogue import MIN_PAGE, PAGE, CataloguePage, ListedRepository, list_by_pages
from bot.forges.hosted.examination import examine_repositories
from bot.forges.hosted.forge import HostedRepository
from bot.forges.hosted.refusal import NOT_FOUND, RefusedError, UnsupportedQueryError, is_query_too_large
from bot.model.diagnosis import Check, DiagnosisTarget
from bot.model.forge import ForgeLimits, GitRepository
from bot.model.report import RunFailure

__all__ = ["API", "KIND", "AppKey", "InvalidKeyError", "open_server"]

KIND = "github"
API = "https://api.github.com"
MAX_BODY = 65_536
"""Characters; GitHub refuses longer bodies."""
MAX_TITLE = 256
"""Characters; GitHub refuses longer titles."""


def open_server(
    url: str,
    credential: str | AppKey | None,
    *,
    dispatch: Sequence[str] = (),
    ca: Path | None = None,
    seconds_between_writes: float = 0.0,
    pause: Callable[[float], None] = time.sleep,
) -> GitHubServer:
    """Return a GitHub server that is accessed with a token or with the key of an App. No request is sent yet.

    Args:
        url: The URL of the REST API, which is `https://HOST/api/v3` on an Enterprise Server.
        credential: A token, or the key of an App; None to read public repositories without a token.
        dispatch: The file names of workflows to start on the branch of each proposal.
        ca: A file with certificates to trust instead of the default ones.
        seconds_between_writes: The shortest time between two requests that change something.
        pause: Waits for a number of seconds.
    """
    app = AppTokens(url, credential, ca=ca, pause=pause) if isinstance(credential, AppKey) else None
    tokens: TokenSource = app or StaticToken(credential if isinstance(credential, str) else None)
    connection = GitHubConnection(url, tokens, ca=ca, seconds_between_writes=seconds_between_writes, pause=pause)
    return GitHubServer(url, connection, app, credential is not None, tuple(dispatch))


@dataclass(frozen=True, slots=True)
class GitHubServer:
    """A GitHub server; implements `HostedServer`. Thread-safe, because each thread has its own client."""

    url: str
    connection: GitHubConnection = field(repr=False)
    app: AppTokens | None = field(repr=False)
    has_token: bool
    dispatch: tuple[str, ...]
    """File names of workflows to start on the branch of each proposal."""

    kind = KIND

    @property
    def clone_host(self) -> str:
        """The host from which git clones repositories."""
        return _get_clone_host(self.url)

    def build_files_url(self, name: str, branch: str) -> str:
        """Return the URL at which the server's site shows the files of a branch, and to which a path is appended."""
        return f"{urlsplit(self.url).scheme}://{self.clone_host}/{quote(name)}/blob/{quote(branch)}/"

    @property
    def must_list_owners(self) -> bool:
        """True for an App, because only the list shows which repositories are in the App's installations.

        Looking up a repository by name does not show this: an App can read public repositories outside its
        installations, but cannot write to them.
        """
        return self.app is not None

    def find_named(self, names: Sequence[str]) -> Iterable[tuple[str, ListedRepository | RefusedError]]:
        """Look up repositories by name. Yield each name with its repository, or with the error if it cannot be read."""
        return GitHubCatalogue(self.connection).find_named(names).items()

    def list_owned(self, owner: str, is_selected: Callable[[ListedRepository], bool]) -> Sequence[ListedRepository]:
        """Return the repositories of an owner for which `is_selected` returns True, sorted by name.

        Raises RefusedError.
        """
        return GitHubCatalogue(self.connection).list_owned(owner, is_selected)

    def list_default_owners(self) -> Sequence[str]:
        """Return the accounts that installed the App. If the server is accessed with a token, return an empty list.

        Raises RefusedError if no account installed the App.
        """
        if self.app is None:
            return ()
        owners = self.app.list_owners()
        if not owners:
            message = "no account installed the App; hint: install it where the repositories are"
            raise RefusedError(message, status=None)
        return owners

    def check_base_branches(self, name: str) -> None:
        """Do nothing, because every token that can read a repository on GitHub can also list its branches."""

    def open_repository(self, name: str, server_id: str | None) -> HostedRepository:
        """Return the objects that access one repository. No request is sent yet.

        `server_id` is the repository's id in GraphQL; None if this id is not known.
        """
        remote = GitHubRemote(self.connection, name, server_id)
        return HostedRepository(
            name=name,
            limits=ForgeLimits(
                body_characters=MAX_BODY,
                title_characters=MAX_TITLE,
                protected_folder=WORKFLOWS_FOLDER,
                has_statuses=True,
                has_alerts=True,
                workflows=self.dispatch,
            ),
            errors=GITHUB_ERRORS,
            pause=self.connection.pause,
            open_tree=partial(open_tree, remote),
            branches=GitHubBranches(remote),
            commits=GitHubCommits(remote),
            requests=GitHubRequestReader(remote),
            request_writer=GitHubRequestWriter(remote),
            automerge=GitHubAutomerge(remote),
            statuses=GitHubStatuses(remote),
            issues=GitHubIssues(remote),
            workflows=WorkflowStarter(remote),
        )

    def examine(self, target: DiagnosisTarget, repositories: Iterable[GitRepository | RunFailure]) -> Iterator[Check]:
        """Check the token and its rights in some of `repositories`, and yield the results."""
        examination = GitHubExamination(self.connection, self.url, self.app, self.has_token, bool(self.dispatch))
        credential, check = examination.identify_token()
        yield check

        def check_repository(repository: GitRepository) -> Iterator[Check]:
            hosted = self.open_repository(repository.name, None)
            return examination.check_repository(credential, hosted, repository.base_branch, target)

        yield from examine_repositories(self.url, repositories, check_repository)


def _get_clone_host(url: str) -> str:
    """Return the host from which git clones the repositories of the server with this API URL.

    https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api lists the URLs of all kinds.
    """
    host = urlsplit(url).netloc.lower()
    return host.removeprefix("api.") if host == "api.github.com" or host.endswith(".ghe.com") else host


Item = TypeVar("Item")

_REPOSITORY_FIELDS = """fragment Found on Repository {
  id nameWithOwner isArchived isDisabled isFork isPrivate
  defaultBranchRef { name target { oid } }
  repositoryTopics(first: 20) { nodes { topic { name } } }
}"""
"""A repository has at most twenty topics. A page of a hundred repositories costs one of the five thousand points that
a token has for each hour."""
_OWNED_QUERY = (
    """query($owner: String!, $first: Int!, $after: String) {
  repositoryOwner(login: $owner) {
    repositories(
      first: $first, after: $after, ownerAffiliations: [OWNER], isArchived: false, isFork: false
      orderBy: {field: NAME, direction: ASC}
    ) { pageInfo { hasNextPage endCursor } nodes { ...Found } }
  }
}
"""
    + _REPOSITORY_FIELDS
)
_IDS_QUERY = "query($ids: [ID!]!) { nodes(ids: $ids) { ...Found } }\n" + _REPOSITORY_FIELDS


@dataclass(frozen=True, slots=True)
class GitHubCatalogue:
    """Finds and lists the repositories of one GitHub server. Methods raise RefusedError.

    GraphQL returns a hundred repositories at once, with the commits of their default branches. If the server has no
    GraphQL API or refuses the query, REST is used, which returns no commits.
    """

    connection: GitHubConnection

    def find_named(self, names: Sequence[str]) -> Mapping[str, ListedRepository | RefusedError]:
        """Look up repositories by name. For each name, return the repository or the error if it cannot be read.

        If a repository was renamed and `names` contains the old name, it is returned under the old name.
        """
        repositories: dict[str, ListedRepository | RefusedError] = {}
        for batch in _group_by_owner(names):
            repositories |= self._find_by_graphql(batch) if len(batch) > 1 else {}
        return {name: repositories[name] if name in repositories else self._find_by_rest(name) for name in names}

    def list_owned(self, owner: str, is_selected: Callable[[ListedRepository], bool]) -> list[ListedRepository]:
        """Return the repositories of an owner for which `is_selected` returns True, sorted by name.

        If the server is accessed as an App, only repositories in the App's installation are returned, because the App
        cannot write to any others.
        """
        is_app = self.connection.get_account().is_app
        repositories = self._list_installed(owner, is_selected) if is_app else self._list_all_owned(owner)
        prefix = f"{owner}/".lower()
        selected = [each for each in repositories if each.name.lower().startswith(prefix) and is_selected(each)]
        return sorted(selected, key=lambda each: each.name.lower())

    def _find_by_graphql(self, names: Sequence[str]) -> dict[str, ListedRepository | RefusedError]:
        """Look up repositories of one owner with one GraphQL query. Return the repositories that were found, by name.

        For names that are missing in the result, the caller sends REST requests, whose error messages are better.
        """
        owner = names[0].partition("/")[0]
        fields = [f"r{index}: repository(owner: $owner, name: $n{index}) {{ ...Found }}" for index in range(len(names))]
        parameters = ", ".join(f"$n{index}: String!" for index in range(len(names)))
        text = f"query($owner: String!, {parameters}) {{ {' '.join(fields)} }}\n{_REPOSITORY_FIELDS}"
        variables = {f"n{index}": name.partition("/")[2] for index, name in enumerate(names)}
        try:
            answer = run_query(
                self.connection, f"find repositories of {owner}", text, {"owner": owner, **variables}, owner
            )
            with translate_errors(owner):
                nodes = {name: answer.data.get(f"r{index}") for index, name in enumerate(names)}
                return {name: _parse_graphql(node) for name, node in nodes.items() if node is not None}
        except (UnsupportedQueryError, RefusedError):
            return {}

    def _find_by_rest(self, name: str) -> ListedRepository | RefusedError:
        try:
            return self.connection.read(
                f"find the repository {name}",
                lambda client: _parse_rest(client.get_repo(name).complete()),
                about=name,
            )
        except RefusedError as refusal:
            return refusal

    def _list_all_owned(self, owner: str) -> list[ListedRepository]:
        try:
            return self._list_by_graphql(owner)
        except (UnsupportedQueryError, RefusedError):
            return self._list_by_rest(owner)

    def _list_by_graphql(self, owner: str) -> list[ListedRepository]:
        """Return all repositories of an owner, listed by GraphQL. Raises RefusedError and UnsupportedQueryError."""
        return list_by_pages(lambda size, cursor: self._query_page(owner, size, cursor))

    def _query_page(self, owner: str, size: int, cursor: str | None) -> CataloguePage:
        variables = {"owner": owner, "first": size, "after": cursor}
        answer = run_query(self.connection, f"list the repositories of {owner}", _OWNED_QUERY, variables, owner)
        page = (answer.data.get("repositoryOwner") or {}).get("repositories")
        if not isinstance(page, Mapping):
            raise RefusedError(f"GitHub has no user or organisation '{owner}'; hint: check the name", status=NOT_FOUND)
        with translate_errors(owner):
            repositories = [_parse_graphql(each) for each in page["nodes"] if each is not None]
            position = page["pageInfo"]
            return CataloguePage(
                repositories, position["hasNextPage"], position["endCursor"] if position["hasNextPage"] else None
            )

    def _list_installed(self, owner: str, is_selected: Callable[[ListedRepository], bool]) -> list[ListedRepository]:
        """Return the repositories in the App's installation on `owner` for which `is_selected` returns True.

        REST lists the repositories, and GraphQL adds the newest commit of each selected repository.
        """
        listed = [each for each in self._list_by_rest(owner) if is_selected(each)]
        heads: dict[str, ListedRepository] = {}
        for batch in _split_into_pages(listed):
            heads |= self._find_by_ids(owner, [each.server_id for each in batch if each.server_id is not None])
        return [
            replace(each, head_commit=heads[each.server_id].head_commit) if each.server_id in heads else each
            for each in listed
        ]

    def _find_by_ids(self, owner: str, ids: Sequence[str]) -> dict[str, ListedRepository]:
        """Return the repositories with these GraphQL ids, by id. Repositories that GraphQL cannot read are left out."""
        try:
            answer = run_query(
                self.connection, f"look up repositories of {owner}", _IDS_QUERY, {"ids": list(ids)}, owner
            )
        except UnsupportedQueryError:
            return {}
        except RefusedError as refusal:
            if not is_query_too_large(refusal) or len(ids) // 2 < MIN_PAGE:
                return {}
            half = len(ids) // 2
            return self._find_by_ids(owner, ids[:half]) | self._find_by_ids(owner, ids[half:])
        with translate_errors(owner):
            return {each["id"]: _parse_graphql(each) for each in answer.data["nodes"] if each is not None}

    def _list_by_rest(self, owner: str) -> list[ListedRepository]:
        def fetch(client: Github) -> list[ListedRepository]:
            return [_parse_rest(each) for each in self._list_visible(client, owner)]

        return self.connection.read(f"list the repositories of {owner}", fetch, METADATA_READ, about=owner)

    def _list_visible(self, client: Github, owner: str) -> PaginatedList[Repository]:
        """Return the repositories of an owner that the token can see, in pages that are fetched when needed.

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
    """Yield the names in batches, each of which fits into one query and contains only names of one owner."""
    owners: dict[str, list[str]] = {}
    for name in names:
        owners.setdefault(name.partition("/")[0].lower(), []).append(name)
    for owner_names in owners.values():
        yield from _split_into_pages(owner_names)


def _split_into_pages(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + PAGE] for start in range(0, len(items), PAGE))


def _parse_graphql(node: Mapping[str, Any]) -> ListedRepository:
    branch = node["defaultBranchRef"]  # null in a repository without commits
    return ListedRepository(
        name=node["nameWithOwner"],
        server_id=node["id"],
        default_branch=branch["name"] if branch is not None else None,
        topics=tuple(each["topic"]["name"] for each in node["repositoryTopics"]["nodes"]),
        is_excluded=node["isArchived"] or node["isDisabled"] or node["isFork"],
        head_commit=branch["target"]["oid"] if branch is not None else None,
        is_public=not node["isPrivate"],
    )


def _parse_rest(repository: Repository) -> ListedRepository:
    return ListedRepository(
        name=repository.full_name,
        server_id=repository.node_id,
        default_branch=repository.default_branch,
        topics=tuple(repository.topics or ()),
        is_excluded=repository.archived or repository.disabled or repository.fork,
        is_public=not repository.private,
    )
