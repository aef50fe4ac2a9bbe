"""The repositories of one server that a config selects by name or by owner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from bot.core.proposal.base_branches import get_literal_prefix, match_branches
from bot.forges.hosted.catalogue import ListedRepository
from bot.forges.hosted.files import ListedTree
from bot.forges.hosted.forge import HostedForge, HostedRepository
from bot.forges.hosted.records import HostedDashboard
from bot.forges.hosted.refusal import NOT_FOUND, RefusedError
from bot.forges.selection import RepositorySelection, deduplicate_repositories
from bot.model.diagnosis import Check, DiagnosisTarget
from bot.model.errors import TreeError
from bot.model.forge import GitRepository
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage
from bot.ports import Dashboard, Forge


class HostedServer(Protocol):
    """One server, accessed with one token. Methods raise RefusedError if the server refuses a request."""

    @property
    def kind(self) -> str:
        """The kind of forge in the config, such as `github`."""
        ...

    @property
    def url(self) -> str:
        """The URL of the server, which names the server in failures that do not belong to a single repository."""
        ...

    @property
    def clone_host(self) -> str | None:
        """`host[:port]` from which git clones repositories by their names; None if git cannot clone them by name."""
        ...

    @property
    def must_list_owners(self) -> bool:
        """True if the repositories of an owner must be listed even if the names of the selected ones are known.

        This is so if only the list shows which repositories the token may change, or if the token cannot look up names.
        """
        ...

    def find_named(self, names: Sequence[str]) -> Iterable[tuple[str, ListedRepository | RefusedError]]:
        """Return each name with its repository, or with the error if the repository was not found."""
        ...

    def list_owned(self, owner: str, is_selected: Callable[[ListedRepository], bool]) -> Sequence[ListedRepository]:
        """Return the repositories of an owner for which `is_selected` returns True, sorted by name."""
        ...

    def list_default_owners(self) -> Sequence[str]:
        """Return the owners whose repositories are used if the config selects no repositories.

        Empty, unless the token itself selects repositories, as the installations of a GitHub App do.
        """
        ...

    def check_base_branches(self, name: str) -> None:
        """Raise RefusedError if the token can read only the default branch of a repository."""
        ...

    def open_repository(self, name: str, server_id: str | None) -> HostedRepository:
        """Return the parts of one repository; `server_id` is the server's id of the repository, if it is known."""
        ...

    def examine(self, target: DiagnosisTarget, repositories: Iterable[GitRepository | RunFailure]) -> Iterator[Check]:
        """Check the token, list `repositories`, check the rights on some of them, and yield the results."""
        ...


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
            selected: Full names of repositories, and conditions for repositories of an owner.
            base_branches: Globs for the base branches; if there are none, the base branch is the default branch.
        """
        self.server = server
        self._base_branches = tuple(base_branches)
        self._names = tuple(each for each in selected if isinstance(each, str))
        self._selections = tuple(each for each in selected if isinstance(each, RepositorySelection))
        self._server_ids: dict[str, str | None] = {}

    def list_repositories(self, names: frozenset[str]) -> Iterator[GitRepository | RunFailure]:
        """Yield the repositories that the config selects, only those in `names` unless `names` is empty.

        Case is ignored in names, because servers ignore it. A repository is yielded once for each of its base branches.
        A renamed repository is found by its old name, and is yielded with its new name.
        """
        yield from deduplicate_repositories(self._find(frozenset(name.lower() for name in names)))

    def open_tree(self, repository: GitRepository) -> ListedTree:
        """Return the tree of the base branch's commit. Raises TreeError if the base branch has no commit."""
        if repository.commit is None:
            raise TreeError(f"{repository.name}: the default branch has no commit")
        return self._open(repository.name).open_tree(repository.commit)

    def get_forge(self, repository: GitRepository) -> Forge:
        """Return the operations on the branches and requests of a repository."""
        return HostedForge(self._open(repository.name), repository)

    def get_dashboard(self, repository: GitRepository) -> Dashboard:
        """Return the operations on the dashboard issue of a repository."""
        hosted = self._open(repository.name)
        return HostedDashboard(hosted.name, hosted.errors, hosted.issues)

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:
        """Check the token, list the selected repositories, check the rights on some of them, and yield the results."""
        yield from self.server.examine(target, self.list_repositories(frozenset()))

    def _find(self, names: frozenset[str]) -> Iterator[GitRepository | RunFailure]:
        yield from self._find_named([name for name in self._names if not names or name.lower() in names])
        for selection in self._selections:
            yield from self._find_selected(selection, names)
        if not self._names and not self._selections:
            yield from self._find_default(names)

    def _find_named(self, names: Sequence[str]) -> Iterator[GitRepository | RunFailure]:
        for name, listed in self.server.find_named(names):
            if isinstance(listed, RefusedError):
                yield RunFailure(name, FailureStage.SURVEY, str(listed))
                continue
            known_as = name if listed.name.lower() != name.lower() else None
            for each in self._expand_base_branches(listed):
                yield each if isinstance(each, RunFailure) else replace(each, configured_name=known_as)

    def _find_default(self, names: frozenset[str]) -> Iterator[GitRepository | RunFailure]:
        """Yield the repositories of the owners that the token itself selects, such as those that installed an App."""
        try:
            owners = self.server.list_default_owners()
        except RefusedError as refusal:
            yield RunFailure(self.server.url, FailureStage.SURVEY, str(refusal))
            return
        for owner in owners:
            yield from self._find_selected(RepositorySelection(owner), names)

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

    def _list_selected(self, selection: RepositorySelection, names: Sequence[str]) -> Sequence[ListedRepository]:
        """Return the selected repositories of an owner, or only those in `names`. Raises RefusedError."""

        def is_selected(listed: ListedRepository) -> bool:
            return not listed.is_excluded and selection.is_selected(listed.name, listed.topics)

        if names and not self.server.must_list_owners:
            return list(filter(is_selected, self._find_existing(names)))
        requested_names = frozenset(names)
        return self.server.list_owned(
            selection.owner,
            lambda each: is_selected(each) and (not requested_names or each.name.lower() in requested_names),
        )

    def _find_existing(self, names: Sequence[str]) -> Iterator[ListedRepository]:
        """Yield the repositories with these names, without those that do not exist. Raises RefusedError."""
        for _, listed in self.server.find_named(names):
            if isinstance(listed, ListedRepository):
                yield listed
            elif listed.status != NOT_FOUND:
                raise listed

    def _expand_base_branches(self, listed: ListedRepository) -> list[GitRepository | RunFailure]:
        """Return a repository once for each of its base branches, or the failure to list them.

        If there is no base branch, the repository is returned once without a base branch.
        """
        self._server_ids[listed.name] = listed.server_id
        try:
            bases = self._list_base_branches(listed)
        except RefusedError as refusal:
            return [RunFailure(listed.name, FailureStage.SURVEY, str(refusal))]
        host, is_public = self.server.clone_host, listed.is_public
        repository = GitRepository(self.server.kind, listed.name, None, None, host=host, is_public=is_public)
        return [
            replace(repository, base_branch=branch, commit=commit, is_default_base=is_default)
            for branch, commit, is_default in bases
        ] or [repository]

    def _list_base_branches(self, listed: ListedRepository) -> list[tuple[str, str, bool]]:
        """Return name and commit of each base branch, and True if it is the default branch. Raises RefusedError."""
        hosted = self._open(listed.name)
        if self._base_branches:
            self.server.check_base_branches(listed.name)
            with hosted.errors.translate(listed.name):
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
        with hosted.errors.translate(listed.name):
            default_tip = hosted.branches.read_tip(listed.default_branch)
        return [(listed.default_branch, default_tip.commit, True)] if default_tip is not None else []

    def _open(self, name: str) -> HostedRepository:
        return self.server.open_repository(name, self._server_ids.get(name))
