"""The repositories of one server that a config selects by name or by owner, and the history of their files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import ClassVar
from urllib.parse import urlsplit

from bot.core.proposal.base_branches import get_literal_prefix, match_branches
from bot.forges.hosted.activity import read_activity
from bot.forges.hosted.catalogue import ListedRepository
from bot.forges.hosted.ci import MAX_CI_COMMITS, find_failed_check
from bot.forges.hosted.files import ListedTree
from bot.forges.hosted.forge import HostedForge, HostedRepository
from bot.forges.hosted.records import HostedDashboard
from bot.forges.hosted.refusal import NOT_FOUND, RefusedError
from bot.forges.hosted.trial import try_writes
from bot.forges.selection import RepositorySelection, deduplicate_repositories
from bot.model.ci import CiOutcome, FailedCheck
from bot.model.diagnosis import Check, DiagnosisTarget
from bot.model.errors import ForgeError, OversizedFileError, TreeError
from bot.model.forge import ActivityScope, GitRepository
from bot.model.report import RunFailure
from bot.model.source import FilePath
from bot.model.vocabulary import FailureStage
from bot.ports import Dashboard, Forge


@dataclass(frozen=True, slots=True)
class HostedFileHistory:
    """The history of the files of one commit; implements `bot.ports.FileHistory`."""

    hosted: HostedRepository
    commit: str

    def read_earlier(self, path: FilePath, max_commits: int) -> Iterator[bytes]:
        """Yield the contents of a file before its last change, newest first.

        One API call lists the commits. Further API calls read the file from each commit.
        """
        hosted = self.hosted
        try:
            with hosted.errors.translate(hosted.name):
                commits = hosted.commits.list_file_commits(self.commit, path, max_commits + 1)
        except ForgeError as error:
            raise TreeError(str(error)) from error
        for commit in commits[1 : max_commits + 1]:  # the first commit has the current content
            content = self._read_file(commit, path)
            if content is not None:
                yield content

    def _read_file(self, commit: str, path: FilePath) -> bytes | None:
        """Return the content of a file in a commit.

        Return None if the commit has no such file, or if the file is too large. Raises TreeError if the file cannot be
        read.
        """
        hosted, folder = self.hosted, path.rpartition("/")[0]
        tree = hosted.open_folder(commit, folder) if hosted.open_folder is not None else hosted.open_tree(commit)
        entry = next((each for each in tree.list_entries() if each.path == path), None)
        if entry is None:
            return None
        (content,) = tree.read([entry])
        if isinstance(content, OversizedFileError):
            return None
        if isinstance(content, TreeError):
            raise content
        return content


@dataclass(frozen=True, slots=True)
class HostedServer(ABC):
    """One server, accessed with one token. Methods raise RefusedError if the server refuses a request.

    Thread-safe, because each thread has its own client or session.
    """

    url: str
    """The URL of the server, which also names failures that do not belong to a single repository."""

    kind: ClassVar[str]
    """The kind of forge in the config, such as `github`."""

    @property
    @abstractmethod
    def clone_host(self) -> str | None:
        """`host[:port]` in the clone URL `https://host[:port]/NAME.git`; None if clone URLs do not have this form."""

    @abstractmethod
    def build_files_url(self, name: str, branch: str) -> str:
        """Return the URL at which the server's site shows the files of a branch, and to which a path is appended."""

    @property
    def must_list_owners(self) -> bool:
        """True if the repositories of an owner must be listed even when a run needs only some repositories by name.

        There are two possible reasons: only the list shows which repositories the token is allowed to change, or the
        token cannot look up repositories by name. If the result is False, basebump looks up repositories by name.
        """
        return False

    @abstractmethod
    def find_named(
        self, names: Sequence[str], activity_scope: ActivityScope | None = None
    ) -> Iterable[tuple[str, ListedRepository | RefusedError]]:
        """Yield each name with its repository, or with the error if the repository cannot be read.

        If `activity_scope` is given, and the server can list many repositories with their trees and activities, the
        results contain the trees and activities.
        """

    @abstractmethod
    def list_owned(
        self,
        owner: str,
        is_selected: Callable[[ListedRepository], bool],
        activity_scope: ActivityScope | None = None,
    ) -> Sequence[ListedRepository]:
        """Return the repositories of an owner for which `is_selected` returns True, sorted by name.

        `activity_scope` is explained at `find_named`.
        """

    def list_default_owners(self) -> Sequence[str]:
        """Return the owners whose repositories are used if the config selects no repositories.

        These are the accounts that installed a GitHub App. The result is empty for other tokens.
        """
        return ()

    def check_base_branches(self, name: str) -> None:  # noqa: B027 - most tokens can
        """Raise RefusedError if the token cannot list the branches of the repository `name`.

        The caller does this if the config has `base_branches`, because basebump then selects branches from the list.
        """

    @abstractmethod
    def open_repository(self, name: str, server_id: str | None) -> HostedRepository:
        """Return the objects that access one repository. No request is sent yet.

        `server_id` is the id that the server uses for the repository in its API; None if this id is not known.
        """

    @abstractmethod
    def examine(self, target: DiagnosisTarget, repositories: Iterable[GitRepository | RunFailure]) -> Iterator[Check]:
        """Check the token, and the token's rights in some of `repositories`, and yield the results."""


class HostedFleet:
    """The repositories of one server that a config selects; implements `bot.ports.Fleet`.

    Thread-safe if the server is.
    """

    def __init__(
        self,
        server: HostedServer,
        selected: Sequence[str | RepositorySelection],
        base_branches: Sequence[str],
    ) -> None:
        """Create a fleet.

        Args:
            server: The server that has the repositories.
            selected: Full names of repositories, and conditions that select repositories of an owner.
            base_branches: Globs for the base branches. If this is empty, the default branch of each repository is used.
        """
        self.server = server
        self._base_branches = tuple(base_branches)
        self._names = tuple(each for each in selected if isinstance(each, str))
        self._selections = tuple(each for each in selected if isinstance(each, RepositorySelection))
        self._server_ids: dict[str, str | None] = {}

    def list_repositories(
        self,
        names: frozenset[str],
        activity_scope: ActivityScope | None = None,
    ) -> Iterator[GitRepository | RunFailure]:
        """Yield the repositories that the config selects. If `names` is not empty, other names are left out.

        A repository is yielded once for each of its base branches. If a repository cannot be read, a failure is yielded
        instead.

        Names are compared without regard to case, because servers do the same. If a repository was renamed and the
        config has the old name, the repository is yielded with its new name.
        """
        yield from deduplicate_repositories(self._find(frozenset(name.lower() for name in names), activity_scope))

    def open_tree(self, repository: GitRepository) -> ListedTree:
        """Return the files of the base branch's commit. Raises TreeError if the base branch has no commit."""
        if repository.commit is None:
            raise TreeError(f"{repository.name}: the default branch has no commit")
        hosted = self._open(repository.name)
        tree = hosted.open_tree(repository.commit)
        if not hosted.is_read_only:
            tree.history = HostedFileHistory(hosted, repository.commit)
        return tree

    def read_activity(self, repository: GitRepository, activity_scope: ActivityScope) -> str | None:
        """Return the hash of the activity in one repository; None if it cannot be determined.

        Raises ForgeError if the server refuses an API call.
        """
        hosted = self._open(repository.name)
        with hosted.errors.translate(hosted.name):
            activity = read_activity(hosted, activity_scope)
        return activity.state_hash if activity is not None else None

    def read_ci_outcomes(self, repository: GitRepository, commits: Mapping[str, int | None]) -> Mapping[str, CiOutcome]:
        """Return the outcome of CI on commits of a repository, at most `MAX_CI_COMMITS`. Never raises an exception.

        If an outcome cannot be read, it is left out, and the run goes on. An unknown outcome neither delays an update
        nor counts for it.
        """
        hosted = self._open(repository.name)
        if hosted.ci is None or not commits:
            return {}
        try:
            with hosted.errors.translate(hosted.name):  # raises a RefusedError, which is a ForgeError
                return hosted.ci.read_outcomes(dict(islice(sorted(commits.items()), MAX_CI_COMMITS)))
        except ForgeError:
            return {}

    def find_failed_check(self, repository: GitRepository, commit: str) -> FailedCheck | None:
        hosted = self._open(repository.name)
        if hosted.ci is None:
            return None
        try:
            with hosted.errors.translate(hosted.name):
                return find_failed_check(hosted.ci.list_checks(commit), self.server.url)
        except ForgeError:
            return None

    def get_forge(self, repository: GitRepository) -> Forge:
        """Return the operations on the branches and pull requests of a repository."""
        return self._open_forge(repository)

    def get_dashboard(self, repository: GitRepository) -> Dashboard | None:
        """Return the operations on the dashboard issue of a repository; None if the server has no issues."""
        hosted = self._open(repository.name)
        return HostedDashboard(hosted.name, hosted.errors, hosted.issues) if hosted.issues is not None else None

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:
        """Check the token, the list of selected repositories, and the token's rights in some of them.

        Yield the results.
        """
        yield from self.server.examine(target, self.list_repositories(frozenset()))
        if target.trial_repository is not None:
            for repository in self.list_repositories(frozenset({target.trial_repository})):
                if isinstance(repository, GitRepository) and repository.is_default_base:
                    tree, prefix = self.open_tree(repository), target.branch_prefix
                    yield from try_writes(partial(self._open_forge, repository), tree, repository, prefix)

    def _find(self, names: frozenset[str], scope: ActivityScope | None) -> Iterator[GitRepository | RunFailure]:
        yield from self._find_named([name for name in self._names if not names or name.lower() in names], scope)
        for selection in self._selections:
            yield from self._find_selected(selection, names, scope)
        if not self._names and not self._selections:
            yield from self._find_default(names, scope)

    def _find_named(self, names: Sequence[str], scope: ActivityScope | None) -> Iterator[GitRepository | RunFailure]:
        for name, listed in self.server.find_named(names, scope):
            if isinstance(listed, RefusedError):
                yield RunFailure(name, FailureStage.SURVEY, str(listed))
                continue
            known_as = name if listed.name.lower() != name.lower() else None
            for each in self._expand_base_branches(listed):
                yield each if isinstance(each, RunFailure) else replace(each, configured_name=known_as)

    def _find_default(self, names: frozenset[str], scope: ActivityScope | None) -> Iterator[GitRepository | RunFailure]:
        """Yield the repositories to use if the config selects none.

        These are the repositories of the accounts that installed the GitHub App.
        """
        try:
            owners = self.server.list_default_owners()
        except RefusedError as refusal:
            yield RunFailure(self.server.url, FailureStage.SURVEY, str(refusal))
            return
        for owner in owners:
            yield from self._find_selected(RepositorySelection(owner), names, scope)

    def _find_selected(
        self, selection: RepositorySelection, requested_names: frozenset[str], scope: ActivityScope | None
    ) -> Iterator[GitRepository | RunFailure]:
        names = selection.filter_names(requested_names)
        if requested_names and not names:
            return
        try:
            listed = self._list_selected(selection, names, scope)
        except RefusedError as refusal:
            yield RunFailure(selection.owner, FailureStage.SURVEY, str(refusal))
            return
        for repository in (each for one in listed for each in self._expand_base_branches(one)):
            if isinstance(repository, RunFailure):
                yield repository
            elif repository.commit is not None or self._base_branches:
                yield replace(repository, is_selected_by_owner=True)

    def _list_selected(
        self, selection: RepositorySelection, names: Sequence[str], scope: ActivityScope | None
    ) -> Sequence[ListedRepository]:
        """Return the repositories of an owner that meet the conditions in `selection`.

        Raises RefusedError if an API call fails.

        If `names` is not empty, repositories with other names are left out. `names` are full names in lower case.
        """

        def is_selected(listed: ListedRepository) -> bool:
            return not listed.is_excluded and selection.is_selected(listed.name, listed.topics)

        if names and not self.server.must_list_owners:
            return list(filter(is_selected, self._find_existing(names, scope)))
        requested_names = frozenset(names)
        return self.server.list_owned(
            selection.owner,
            lambda each: is_selected(each) and (not requested_names or each.name.lower() in requested_names),
            scope,
        )

    def _find_existing(self, names: Sequence[str], scope: ActivityScope | None) -> Iterator[ListedRepository]:
        """Yield the repositories with these names. Names of repositories that do not exist are ignored.

        Raises RefusedError if a repository cannot be read for another reason.
        """
        for _, listed in self.server.find_named(names, scope):
            if isinstance(listed, ListedRepository):
                yield listed
            elif listed.status != NOT_FOUND:
                raise listed

    def _expand_base_branches(self, listed: ListedRepository) -> list[GitRepository | RunFailure]:
        """Return one GitRepository for each base branch of a repository.

        If no branch matches, return a single GitRepository without a base branch. If the branches cannot be listed,
        return a single failure.
        """
        self._server_ids[listed.name] = listed.server_id
        repository = GitRepository(
            self.server.kind,
            listed.name,
            None,
            None,
            host=self.server.clone_host,
            site=_get_site(self.server.url),
            is_public=listed.is_public,
        )
        try:
            with self._open(listed.name).errors.translate(listed.name):
                return [
                    replace(
                        repository,
                        base_branch=branch,
                        commit=commit,
                        is_default_base=is_default,
                        files_url=self.server.build_files_url(listed.name, branch),
                        tree=listed.tree if commit == listed.head_commit else None,
                        activity=listed.activity,
                        listed_requests=listed.listed_requests,
                    )
                    for branch, commit, is_default in self._list_base_branches(listed)
                ] or [repository]
        except RefusedError as refusal:
            return [RunFailure(listed.name, FailureStage.SURVEY, str(refusal))]

    def _list_base_branches(self, listed: ListedRepository) -> list[tuple[str, str, bool]]:
        """Return a tuple for each base branch: its name, its commit, and True if it is the repository's default branch.

        Raises RefusedError, if an API call fails, and other exceptions if a response is malformed.
        """
        hosted = self._open(listed.name)
        if self._base_branches:
            self.server.check_base_branches(listed.name)
            prefixes = [get_literal_prefix(glob) for glob in self._base_branches]
            tips = {branch: tip for each in prefixes for branch, tip in hosted.branches.list_tips(each).items()}
            return [
                (branch, tips[branch].commit, branch == listed.default_branch)
                for branch in match_branches(self._base_branches, tips)
            ]
        if listed.default_branch is None:
            return []
        if listed.head_commit is not None:
            return [(listed.default_branch, listed.head_commit, True)]
        default_tip = hosted.branches.read_tip(listed.default_branch)
        return [(listed.default_branch, default_tip.commit, True)] if default_tip is not None else []

    def _open_forge(self, repository: GitRepository) -> HostedForge:
        return HostedForge(self._open(repository.name), repository)

    def _open(self, name: str) -> HostedRepository:
        return self.server.open_repository(name, self._server_ids.get(name))


def _get_site(url: str) -> str:
    """Return the URL of a server without its scheme."""
    parts = urlsplit(url)
    return f"{parts.netloc.lower()}{parts.path.rstrip('/')}"


def get_clone_host(url: str) -> str | None:
    """Return the host from which git clones, for example `HOST` in `https://HOST/owner/name`.

    If the URL of the server has a path, as in `https://HOST/git`, return None, because clone URLs of such a server have
    another form.
    """
    parts = urlsplit(url)
    return parts.netloc.lower() if parts.path in {"", "/"} else None
