"""The projects of one GitLab server, gitlab.com or a self-managed one, accessed with python-gitlab."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from bot.core.proposal.base_branches import get_literal_prefix, match_branches
from bot.forges.gitlab.branches import GitLabBranches
from bot.forges.gitlab.catalogue import GitLabCatalogue, GitLabListedRepository
from bot.forges.gitlab.connection import GitLabConnection, GitLabRemote, JobToken
from bot.forges.gitlab.dashboard import GitLabDashboard
from bot.forges.gitlab.errors import translate_errors
from bot.forges.gitlab.examination import GitLabExamination
from bot.forges.gitlab.forge import GitLabForge
from bot.forges.gitlab.tree import open_tree
from bot.forges.hosted.examination import examine_repositories
from bot.forges.hosted.files import ListedTree
from bot.forges.hosted.refusal import NOT_FOUND, RefusedError
from bot.forges.selection import RepositorySelection, deduplicate_repositories
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
        selected: Sequence[str | RepositorySelection] = (),
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
        self._selections = tuple(each for each in selected if isinstance(each, RepositorySelection))
        self._connection = GitLabConnection(
            url, token, ca=ca, seconds_between_writes=seconds_between_writes, pause=pause
        )
        self._catalogue = GitLabCatalogue(self._connection)
        self._host = _get_clone_host(url)
        self._url = url
        self._has_token = token is not None
        self._project_ids: dict[str, int] = {}

    def list_repositories(self, names: frozenset[str]) -> Iterator[GitRepository | RunFailure]:
        """Yield the projects that the config selects, or only those in `names` if it is not empty.

        Paths are compared without regard to case, as GitLab does. Each project is yielded once for each of its base
        branches, with the path that it has now: a moved one is found by its old path.
        """
        yield from deduplicate_repositories(self._find(frozenset(name.lower() for name in names)))

    def open_tree(self, repository: GitRepository) -> ListedTree:
        """Return the tree of the base branch's commit. Raises TreeError."""
        if repository.commit is None:
            raise TreeError(f"{repository.name}: the default branch has no commit")
        return open_tree(self._get_remote(repository.name), repository.commit)

    def get_forge(self, repository: GitRepository) -> GitLabForge:
        """Return the forge operations for one project."""
        return GitLabForge(self._get_remote(repository.name), repository)

    def get_dashboard(self, repository: GitRepository) -> GitLabDashboard:
        """Return the dashboard of one project."""
        return GitLabDashboard(self._get_remote(repository.name))

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:
        """Identify the token, list the selected projects, and check the rights on them."""
        examination = GitLabExamination(self._connection, self._url, self._has_token)
        yield from examination.check_token(target)
        repositories = self.list_repositories(frozenset())
        yield from examine_repositories(
            self._url, repositories, lambda repository: examination.check_repository(repository, target)
        )

    def _find(self, names: frozenset[str]) -> Iterator[GitRepository | RunFailure]:
        for name in self._names:
            if not names or name.lower() in names:
                yield from self._find_named(name)
        for selection in self._selections:
            yield from self._find_selected(selection, names)

    def _find_named(self, name: str) -> Iterator[GitRepository | RunFailure]:
        try:
            if self._connection.has_job_token:
                yield self._find_by_git(name)
                return
            listed = self._catalogue.find_named(name)
        except RefusedError as refusal:
            yield RunFailure(name, FailureStage.SURVEY, str(refusal))
            return
        known_as = name if listed.name.lower() != name.lower() else None
        for repository in self._expand_base_branches(listed):
            yield repository if isinstance(repository, RunFailure) else replace(repository, configured_name=known_as)

    def _find_by_git(self, name: str) -> GitRepository:
        if self._base_branches:
            message = f"{name}: a job token reads only the default branch; hint: remove `base_branches`"
            raise RefusedError(f"{message}, or set `token_env` to an access token", status=None)
        try:
            branch, commit = self._connection.build_origin(name).read_default_branch() or (None, None)
        except RefusedError as refusal:
            message = (
                f"{refusal}; hint: check the name, and list the job's project there under the job token permissions"
            )
            raise RefusedError(message, status=refusal.status) from refusal
        return GitRepository(KIND, name, branch, commit, host=self._host)

    def _find_selected(
        self, selection: RepositorySelection, requested_names: frozenset[str]
    ) -> Iterator[GitRepository | RunFailure]:
        names = selection.filter_names(requested_names)
        if requested_names and not names:
            return
        if self._connection.has_job_token:
            message = "a job token cannot list projects; hint: name each project, or set `token_env` to an access token"
            yield RunFailure(selection.owner, FailureStage.SURVEY, message)
            return
        try:
            listed = list(self._find_existing(names)) if names else self._catalogue.list_owned(selection.owner)
        except RefusedError as refusal:
            yield RunFailure(selection.owner, FailureStage.SURVEY, str(refusal))
            return
        for each in listed:
            if each.is_excluded or not selection.is_selected(each.name, each.topics):
                continue
            for repository in self._expand_base_branches(each):
                if isinstance(repository, RunFailure):
                    yield repository
                elif repository.commit is not None or self._base_branches:
                    yield replace(repository, is_selected_by_owner=True)

    def _find_existing(self, names: Sequence[str]) -> Iterator[GitLabListedRepository]:
        """Yield the projects that exist; one that does not is not selected, either. Raises RefusedError."""
        for name in names:
            try:
                yield self._catalogue.find_named(name)
            except RefusedError as refusal:
                if refusal.status != NOT_FOUND:
                    raise

    def _expand_base_branches(self, listed: GitLabListedRepository) -> list[GitRepository | RunFailure]:
        """Return a project once for each of its base branches; once without any if no branch matches."""
        self._project_ids[listed.name] = listed.project_id
        try:
            with translate_errors(listed.name):
                bases = self._list_base_branches(listed)
        except RefusedError as refusal:
            return [RunFailure(listed.name, FailureStage.SURVEY, str(refusal))]
        repository = GitRepository(KIND, listed.name, None, None, host=self._host, is_public=listed.is_public)
        return [
            replace(repository, base_branch=branch, commit=commit, is_default_base=branch == listed.default_branch)
            for branch, commit in bases
        ] or [repository]

    def _list_base_branches(self, listed: GitLabListedRepository) -> list[tuple[str, str]]:
        """Return the base branches of a project and their commits. Raises RefusedError."""
        branches = GitLabBranches(self._get_remote(listed.name))
        if self._base_branches:
            prefixes = [get_literal_prefix(glob) for glob in self._base_branches]
            tips = {branch: tip.commit for each in prefixes for branch, tip in branches.list_tips(each).items()}
            return [(branch, tips[branch]) for branch in match_branches(self._base_branches, tips)]
        default_branch, commit = listed.default_branch, listed.head_commit
        if default_branch is not None and commit is None:
            default_tip = branches.read_tip(default_branch)
            commit = default_tip.commit if default_tip is not None else None
        return [(default_branch, commit)] if default_branch is not None and commit is not None else []

    def _get_remote(self, name: str) -> GitLabRemote:
        return GitLabRemote(self._connection, name, self._project_ids.get(name))


def _get_clone_host(url: str) -> str | None:
    """Return the host that git clones from; None if the URL has a path, since other tools do not know such names."""
    parts = urlsplit(url)
    return parts.netloc.lower() if parts.path in {"", "/"} else None
