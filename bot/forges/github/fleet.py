"""The repositories of one GitHub server, github.com or an Enterprise Server, accessed with PyGithub."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from bot.core.proposal.base_branches import get_literal_prefix, match_branches
from bot.forges.github.app import AppKey, AppTokens, InvalidKeyError
from bot.forges.github.branches import GitHubBranches
from bot.forges.github.catalogue import GitHubCatalogue, GitHubListedRepository
from bot.forges.github.connection import GitHubConnection, GitHubRemote, StaticToken, TokenSource
from bot.forges.github.dashboard import GitHubDashboard
from bot.forges.github.examination import GitHubExamination
from bot.forges.github.forge import GitHubForge
from bot.forges.github.tree import open_tree
from bot.forges.hosted.examination import examine_repositories
from bot.forges.hosted.files import ListedTree
from bot.forges.hosted.refusal import NOT_FOUND, RefusedError
from bot.forges.selection import RepositorySelection, deduplicate_repositories
from bot.model.diagnosis import Check, DiagnosisTarget
from bot.model.errors import TreeError
from bot.model.forge import GitRepository
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage

__all__ = ["API", "KIND", "AppKey", "GitHubFleet", "InvalidKeyError"]

KIND = "github"
API = "https://api.github.com"


class GitHubFleet:
    """The repositories of one GitHub server that a config selects by name or by owner.

    Thread-safe: each thread has a client of its own.
    """

    def __init__(  # noqa: PLR0913 - each is a key of the config, or a seam
        self,
        url: str = API,
        credential: str | AppKey | None = None,
        *,
        selected: Sequence[str | RepositorySelection] = (),
        base_branches: Sequence[str] = (),
        dispatch: Sequence[str] = (),
        ca: Path | None = None,
        seconds_between_writes: float = 0.0,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Select repositories by their names (`owner/name`), then those of owners.

        `url` is the URL of the REST API (`https://HOST/api/v3` on an Enterprise Server), `credential` a token or the
        key of an App. `base_branches` are globs; without them the base branch is the default branch. `dispatch` has the
        file names of workflows to start on the branch of each proposal. `ca` is a file with certificates to trust
        instead of the default ones, `pause` waits between requests. An App without a selection gets all repositories
        of its installations.
        """
        self._base_branches = tuple(base_branches)
        self._dispatch = tuple(dispatch)
        self._names = tuple(each for each in selected if isinstance(each, str))
        self._selections = tuple(each for each in selected if isinstance(each, RepositorySelection))
        self._url = url
        self._has_token = credential is not None
        self._app = AppTokens(url, credential, ca=ca, pause=pause) if isinstance(credential, AppKey) else None
        tokens: TokenSource = self._app or StaticToken(credential if isinstance(credential, str) else None)
        self._connection = GitHubConnection(
            url, tokens, ca=ca, seconds_between_writes=seconds_between_writes, pause=pause
        )
        self._host = _get_clone_host(url)
        self._catalogue = GitHubCatalogue(self._connection)
        self._node_ids: dict[str, str] = {}

    def list_repositories(self, names: frozenset[str]) -> Iterator[GitRepository | RunFailure]:
        """Yield the repositories that the config selects, or only those in `names` if it is not empty.

        Names are compared without regard to case, as GitHub does. Each repository is yielded once for each of its base
        branches, with the name that it has now: a renamed one is found by its old name.
        """
        yield from deduplicate_repositories(self._find(frozenset(name.lower() for name in names)))

    def open_tree(self, repository: GitRepository) -> ListedTree:
        """Return the tree of the base branch's commit. Raises TreeError."""
        if repository.commit is None:
            raise TreeError(f"{repository.name}: the default branch has no commit")
        return open_tree(self._get_remote(repository.name), repository.commit)

    def get_forge(self, repository: GitRepository) -> GitHubForge:
        """Return the forge operations for one repository."""
        return GitHubForge(self._get_remote(repository.name), repository, self._dispatch)

    def get_dashboard(self, repository: GitRepository) -> GitHubDashboard:
        """Return the dashboard of one repository."""
        return GitHubDashboard(self._get_remote(repository.name))

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:
        """Identify the token, list the selected repositories, and check the rights on them."""
        examination = GitHubExamination(self._connection, self._url, self._app, self._has_token, bool(self._dispatch))
        credential, check = examination.identify_token()
        yield check
        repositories = self.list_repositories(frozenset())
        yield from examine_repositories(
            self._url, repositories, lambda repository: examination.check_repository(credential, repository, target)
        )

    def _find(self, names: frozenset[str]) -> Iterator[GitRepository | RunFailure]:
        yield from self._find_named([name for name in self._names if not names or name.lower() in names])
        for selection in self._selections:
            yield from self._find_selected(selection, names)
        if self._app is not None and not self._names and not self._selections:
            yield from self._find_installed(self._app, names)

    def _find_installed(self, app: AppTokens, names: frozenset[str]) -> Iterator[GitRepository | RunFailure]:
        """Yield the repositories of all installations of an App."""
        try:
            owners = app.list_owners()
        except RefusedError as refusal:
            yield RunFailure(self._url, FailureStage.SURVEY, str(refusal))
            return
        if not owners:
            message = "no account installed the App; hint: install it where the repositories are"
            yield RunFailure(self._url, FailureStage.SURVEY, message)
        for owner in owners:
            yield from self._find_selected(RepositorySelection(owner), names)

    def _find_named(self, names: Sequence[str]) -> Iterator[GitRepository | RunFailure]:
        for name, listed in self._catalogue.find_named(names).items():
            if isinstance(listed, RefusedError):
                yield RunFailure(name, FailureStage.SURVEY, str(listed))
                continue
            known_as = name if listed.name.lower() != name.lower() else None
            for each in self._expand_base_branches(listed):
                yield each if isinstance(each, RunFailure) else replace(each, configured_name=known_as)

    def _find_selected(
        self, selection: RepositorySelection, requested_names: frozenset[str]
    ) -> Iterator[GitRepository | RunFailure]:
        names = selection.filter_names(requested_names)
        if requested_names and not names:
            return
        try:
            listed = self._list_selected(selection, names)
        except RefusedError as refusal:
            yield RunFailure(selection.owner, FailureStage.SURVEY, str(refusal))
            return
        for repository in (each for one in listed for each in self._expand_base_branches(one)):
            if isinstance(repository, RunFailure):
                yield repository
            elif repository.commit is not None or self._base_branches:
                yield replace(repository, is_selected_by_owner=True)

    def _list_selected(self, selection: RepositorySelection, names: Sequence[str]) -> list[GitHubListedRepository]:
        """Return the selected repositories of an owner, or only those in `names`. Raises RefusedError.

        For an App the list of its installation decides: the App may see other repositories, but not write to them.
        """
        if self._app is not None or not names:
            requested_names = frozenset(names)
            return self._catalogue.list_owned(
                selection.owner,
                lambda each: (
                    _is_selected(each, selection) and (not requested_names or each.name.lower() in requested_names)
                ),
            )
        listed = self._catalogue.find_named(names).values()
        for each in listed:  # a repository that does not exist is not selected, either
            if isinstance(each, RefusedError) and each.status != NOT_FOUND:
                raise each
        return [each for each in listed if isinstance(each, GitHubListedRepository) and _is_selected(each, selection)]

    def _expand_base_branches(self, listed: GitHubListedRepository) -> list[GitRepository | RunFailure]:
        """Return a repository once for each of its base branches; once without any if no branch matches."""
        self._node_ids[listed.name] = listed.node_id
        default_branch, head_commit = listed.default_branch, listed.head_commit
        branches = GitHubBranches(self._get_remote(listed.name))
        try:
            if self._base_branches:
                prefixes = [get_literal_prefix(glob) for glob in self._base_branches]
                tips = {branch: commit for each in prefixes for branch, commit in branches.list_tips(each).items()}
                bases = [(branch, tips[branch]) for branch in match_branches(self._base_branches, tips)]
            else:
                head_commit = (
                    branches.read_tip(default_branch)
                    if default_branch is not None and head_commit is None
                    else head_commit
                )
                bases = (
                    [(default_branch, head_commit)] if default_branch is not None and head_commit is not None else []
                )
        except RefusedError as refusal:
            return [RunFailure(listed.name, FailureStage.SURVEY, str(refusal))]
        repository = GitRepository(KIND, listed.name, None, None, host=self._host, is_public=listed.is_public)
        return [
            replace(repository, base_branch=branch, commit=commit, is_default_base=branch == default_branch)
            for branch, commit in bases
        ] or [repository]

    def _get_remote(self, name: str) -> GitHubRemote:
        return GitHubRemote(self._connection, name, self._node_ids.get(name))


def _get_clone_host(url: str) -> str:
    """Return the host that git clones from, for the URL of an API.

    https://docs.github.com/en/rest/using-the-rest-api/getting-started-with-the-rest-api lists the URLs of all kinds.
    """
    host = urlsplit(url).netloc.lower()
    return host.removeprefix("api.") if host == "api.github.com" or host.endswith(".ghe.com") else host


def _is_selected(listed: GitHubListedRepository, selection: RepositorySelection) -> bool:
    return not listed.is_excluded and selection.is_selected(listed.name, listed.topics)
