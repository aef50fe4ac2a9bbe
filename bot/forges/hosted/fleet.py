"""The repositories of one server that a config selects by name or by owner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from bot.core.proposal.base_branches import get_literal_prefix, match_branches
from bot.forges.hosted.catalogue import ListedRepository
from bot.forges.hosted.files import ListedTree
from bot.forges.hosted.refusal import NOT_FOUND, RefusedError
from bot.forges.selection import RepositorySelection, deduplicate_repositories
from bot.model.diagnosis import Check, DiagnosisTarget
from bot.model.errors import TreeError
from bot.model.forge import GitRepository
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage
from bot.ports import Dashboard, Forge


class HostedRepository(Protocol):
    """One repository on a server."""

    def list_tips(self, prefix: str) -> Mapping[str, str]:
        """Return all branches that begin with `prefix`, and their commits. Raises RefusedError."""
        ...

    def read_default_tip(self, default_branch: str | None) -> tuple[str, str] | None:
        """Return the name of the default branch and its head commit. Raises RefusedError.

        The list of repositories does not include the commit; `default_branch` is None if it does not include the name
        either. Returns None if the repository has no commits.
        """
        ...

    def open_tree(self, commit: str) -> ListedTree:
        """Return the tree of a commit, which is listed when it is first needed."""
        ...

    def open_forge(self, repository: GitRepository) -> Forge: ...

    def open_dashboard(self) -> Dashboard: ...


class HostedServer(Protocol):
    """One server, accessed with one token. Methods raise RefusedError unless a refusal is part of their result."""

    @property
    def kind(self) -> str:
        """The kind of forge, such as `github`."""
        ...

    @property
    def url(self) -> str:
        """The URL that names the server in failures that are about no single repository."""
        ...

    @property
    def clone_host(self) -> str | None:
        """`host[:port]` from which git clones repositories by name; None if it cannot."""
        ...

    @property
    def must_list_owners(self) -> bool:
        """True if only the list of an owner's repositories shows which of them the token may change."""
        ...

    def find_named(self, names: Sequence[str]) -> Iterable[tuple[str, ListedRepository | RefusedError]]:
        """Return each name with its repository, or with the reason why it was not found."""
        ...

    def list_owned(self, owner: str, is_selected: Callable[[ListedRepository], bool]) -> Sequence[ListedRepository]:
        """Return the selected repositories of an owner, sorted by name."""
        ...

    def list_default_owners(self) -> Sequence[str]:
        """Return the owners whose repositories are selected if the config selects none; empty for most tokens."""
        ...

    def open_repository(self, name: str, server_id: str | None) -> HostedRepository: ...

    def examine(self, target: DiagnosisTarget, repositories: Iterable[GitRepository | RunFailure]) -> Iterator[Check]:
        """Identify the token, then list `repositories` and check the rights on them."""
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
        """Select repositories by their full names, then those of owners.

        `base_branches` are globs; without them the base branch is the default branch.
        """
        self.server = server
        self._base_branches = tuple(base_branches)
        self._names = tuple(each for each in selected if isinstance(each, str))
        self._selections = tuple(each for each in selected if isinstance(each, RepositorySelection))
        self._server_ids: dict[str, str | None] = {}

    def list_repositories(self, names: frozenset[str]) -> Iterator[GitRepository | RunFailure]:
        """Yield the repositories that the config selects, or only those in `names` if it is not empty.

        Names are compared without regard to case, as servers do. Each repository is yielded once for each of its base
        branches, with the name that it has now: a renamed one is found by its old name.
        """
        yield from deduplicate_repositories(self._find(frozenset(name.lower() for name in names)))

    def open_tree(self, repository: GitRepository) -> ListedTree:
        """Return the tree of the base branch's commit. Raises TreeError."""
        if repository.commit is None:
            raise TreeError(f"{repository.name}: the default branch has no commit")
        return self._open(repository.name).open_tree(repository.commit)

    def get_forge(self, repository: GitRepository) -> Forge:
        """Return the forge operations for one repository."""
        return self._open(repository.name).open_forge(repository)

    def get_dashboard(self, repository: GitRepository) -> Dashboard:
        """Return the dashboard of one repository."""
        return self._open(repository.name).open_dashboard()

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:
        """Identify the token, list the selected repositories, and check the rights on them."""
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
        """Yield the repositories that the token selects by itself, such as those of an App's installations."""
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
        """Yield the repositories that exist; one that does not is not selected, either. Raises RefusedError."""
        for _, listed in self.server.find_named(names):
            if isinstance(listed, ListedRepository):
                yield listed
            elif listed.status != NOT_FOUND:
                raise listed

    def _expand_base_branches(self, listed: ListedRepository) -> list[GitRepository | RunFailure]:
        """Return a repository once for each of its base branches; once without any if no branch matches."""
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
        """Return the base branches, their commits, and whether each is the default branch. Raises RefusedError."""
        repository = self._open(listed.name)
        if self._base_branches:
            prefixes = [get_literal_prefix(glob) for glob in self._base_branches]
            tips = {branch: commit for each in prefixes for branch, commit in repository.list_tips(each).items()}
            return [
                (branch, tips[branch], branch == listed.default_branch)
                for branch in match_branches(self._base_branches, tips)
            ]
        if listed.default_branch is not None and listed.head_commit is not None:
            return [(listed.default_branch, listed.head_commit, True)]
        tip = repository.read_default_tip(listed.default_branch)
        return [(*tip, True)] if tip is not None else []

    def _open(self, name: str) -> HostedRepository:
        return self.server.open_repository(name, self._server_ids.get(name))
