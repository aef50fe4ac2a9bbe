"""The projects of one GitLab server, gitlab.com or a self-managed one, accessed with python-gitlab."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from bot.core.proposal.base_branches import get_literal_prefix, match_branches
from bot.forges._examination import examined
from bot.forges._listed_tree import ListedTree
from bot.forges._refusal import NOT_FOUND, RefusedError
from bot.forges.gitlab.branches import Branches
from bot.forges.gitlab.catalogue import Catalogue, Listed
from bot.forges.gitlab.connection import Connection, JobToken, Remote
from bot.forges.gitlab.dashboard import GitLabDashboard
from bot.forges.gitlab.errors import understood
from bot.forges.gitlab.examination import GitLabExamination
from bot.forges.gitlab.forge import GitLabForge
from bot.forges.gitlab.tree import open_tree
from bot.forges.selection import Selection, each_once
from bot.model.diagnosis import Check, DiagnosisTarget
from bot.model.errors import TreeError
from bot.model.forge import GitRepository
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage

__all__ = ["KIND", "SITE", "GitLabFleet", "JobToken"]

KIND = "gitlab"
SITE = "https://gitlab.com"


class GitLabFleet:
    """The projects of one GitLab server that a config selects by name or by group.

    Thread-safe: each thread has a client of its own.
    """

    def __init__(
        self,
        url: str = SITE,
        token: str | JobToken | None = None,
        *,
        selected: Sequence[str | Selection] = (),
        base_branches: Sequence[str] = (),
        ca: Path | None = None,
        seconds_between_writes: float = 0.0,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Select projects by their full paths (`group/subgroup/project`), then those of owners.

        With the token of a job, projects must be selected by path, and are read by git alone.

        `url` is the URL of the web interface. `base_branches` are globs; without them the base branch is the default
        branch. `ca` is a file with certificates to trust instead of the default ones, `pause` waits between requests.
        """
        self._base_branches = tuple(base_branches)
        self._names = tuple(each for each in selected if isinstance(each, str))
        self._selections = tuple(each for each in selected if isinstance(each, Selection))
        self._connection = Connection(url, token, ca=ca, seconds_between_writes=seconds_between_writes, pause=pause)
        self._catalogue = Catalogue(self._connection)
        self._host = _host_of(url)
        self._url = url
        self._has_token = token is not None
        self._numbers: dict[str, int] = {}

    def list_repositories(self, only: frozenset[str]) -> Iterator[GitRepository | RunFailure]:
        """Yield the projects that the config selects, or only those in `only` if it is not empty.

        Paths are compared without regard to case, as GitLab does. Each project is yielded once for each of its base
        branches, with the path that it has now: a moved one is found by its old path.
        """
        yield from each_once(self._find(frozenset(name.lower() for name in only)))

    def open_tree(self, repository: GitRepository) -> ListedTree:
        """Return the tree of the base branch's commit. Raises TreeError."""
        if repository.commit is None:
            raise TreeError(f"{repository.name}: the default branch has no commit")
        return open_tree(self._remote(repository.name), repository.commit)

    def get_forge(self, repository: GitRepository) -> GitLabForge:
        """Return the forge operations for one project."""
        return GitLabForge(self._remote(repository.name), repository)

    def get_dashboard(self, repository: GitRepository) -> GitLabDashboard:
        """Return the dashboard of one project."""
        return GitLabDashboard(self._remote(repository.name))

    def examine(self, aim: DiagnosisTarget) -> Iterator[Check]:
        """Identify the token, list the selected projects, and check the rights on them."""
        examination = GitLabExamination(self._connection, self._url, self._has_token)
        yield from examination.token(aim)
        found = self.list_repositories(frozenset())
        yield from examined(self._url, found, lambda repository: examination.rights(repository, aim))

    def _find(self, wanted: frozenset[str]) -> Iterator[GitRepository | RunFailure]:
        for name in self._names:
            if not wanted or name.lower() in wanted:
                yield from self._named(name)
        for selection in self._selections:
            yield from self._selected(selection, wanted)

    def _named(self, name: str) -> Iterator[GitRepository | RunFailure]:
        try:
            if self._connection.is_of_job:
                yield self._by_git(name)
                return
            listed = self._catalogue.named(name)
        except RefusedError as refusal:
            yield RunFailure(name, FailureStage.SURVEY, str(refusal))
            return
        known_as = name if listed.name.lower() != name.lower() else None
        for found in self._look(listed):
            yield found if isinstance(found, RunFailure) else replace(found, configured_name=known_as)

    def _by_git(self, name: str) -> GitRepository:
        if self._base_branches:
            what = f"{name}: a job token reads only the default branch; hint: remove `base_branches`"
            raise RefusedError(f"{what}, or set `token_env` to an access token", status=None)
        try:
            branch, commit = self._connection.origin(name).head() or (None, None)
        except RefusedError as refusal:
            what = f"{refusal}; hint: check the name, and list the job's project there under the job token permissions"
            raise RefusedError(what, status=refusal.status) from refusal
        return GitRepository(KIND, name, branch, commit, host=self._host)

    def _selected(self, selection: Selection, wanted: frozenset[str]) -> Iterator[GitRepository | RunFailure]:
        names = selection.among(wanted)
        if wanted and not names:
            return
        if self._connection.is_of_job:
            what = "a job token cannot list projects; hint: name each project, or set `token_env` to an access token"
            yield RunFailure(selection.owner, FailureStage.SURVEY, what)
            return
        try:
            listed = list(self._asked_for(names)) if names else self._catalogue.owned(selection.owner)
        except RefusedError as refusal:
            yield RunFailure(selection.owner, FailureStage.SURVEY, str(refusal))
            return
        for each in listed:
            if each.is_dead or not selection.takes(each.name, each.topics):
                continue
            for found in self._look(each):
                if isinstance(found, RunFailure):
                    yield found
                elif found.commit is not None or self._base_branches:
                    yield replace(found, is_selected_by_owner=True)

    def _asked_for(self, names: Sequence[str]) -> Iterator[Listed]:
        """Yield the projects that exist; one that does not is not selected, either. Raises RefusedError."""
        for name in names:
            try:
                yield self._catalogue.named(name)
            except RefusedError as refusal:
                if refusal.status != NOT_FOUND:
                    raise

    def _look(self, listed: Listed) -> list[GitRepository | RunFailure]:
        """Return a project once for each of its base branches; once without any if no branch matches."""
        self._numbers[listed.name] = listed.number
        try:
            with understood(listed.name):
                bases = self._bases(listed)
        except RefusedError as refusal:
            return [RunFailure(listed.name, FailureStage.SURVEY, str(refusal))]
        found = GitRepository(KIND, listed.name, None, None, host=self._host, is_public=listed.is_public)
        return [
            replace(found, base_branch=branch, commit=commit, is_default_base=branch == listed.default_branch)
            for branch, commit in bases
        ] or [found]

    def _bases(self, listed: Listed) -> list[tuple[str, str]]:
        """Return the base branches of a project and their commits. Raises RefusedError."""
        branches = Branches(self._remote(listed.name))
        if self._base_branches:
            prefixes = [get_literal_prefix(glob) for glob in self._base_branches]
            heads = {branch: tip.commit for each in prefixes for branch, tip in branches.heads(each).items()}
            return [(branch, heads[branch]) for branch in match_branches(self._base_branches, heads)]
        default, commit = listed.default_branch, listed.head
        if default is not None and commit is None:
            head = branches.head(default)
            commit = head.commit if head is not None else None
        return [(default, commit)] if default is not None and commit is not None else []

    def _remote(self, name: str) -> Remote:
        return Remote(self._connection, name, self._numbers.get(name))


def _host_of(url: str) -> str | None:
    """Return the host that git clones from; None if the URL has a path, since other tools do not know such names."""
    parts = urlsplit(url)
    return parts.netloc.lower() if parts.path in {"", "/"} else None
