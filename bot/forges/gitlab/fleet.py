"""The projects of one GitLab server, gitlab.com or a self-managed one, accessed with python-gitlab."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bot.forges.gitlab.branches import GitLabBranches
from bot.forges.gitlab.catalogue import GitLabCatalogue
from bot.forges.gitlab.connection import GitLabConnection, GitLabRemote, JobToken
from bot.forges.gitlab.errors import translate_errors
from bot.forges.gitlab.examination import GitLabExamination
from bot.forges.gitlab.forge import GitLabForge
from bot.forges.gitlab.records import GitLabDashboard
from bot.forges.gitlab.tree import open_tree
from bot.forges.hosted.catalogue import ListedRepository
from bot.forges.hosted.examination import examine_repositories
from bot.forges.hosted.files import ListedTree
from bot.forges.hosted.fleet import HostedFleet
from bot.forges.hosted.refusal import RefusedError
from bot.forges.selection import RepositorySelection
from bot.model.diagnosis import Check, DiagnosisTarget
from bot.model.forge import GitRepository
from bot.model.report import RunFailure

__all__ = ["KIND", "SITE", "JobToken", "open_gitlab_fleet"]

KIND = "gitlab"
SITE = "https://gitlab.com"


def open_gitlab_fleet(
    url: str = SITE,
    token: str | JobToken | None = None,
    *,
    selected: Sequence[str | RepositorySelection] = (),
    base_branches: Sequence[str] = (),
    ca: Path | None = None,
    seconds_between_writes: float = 0.0,
    pause: Callable[[float], None] = time.sleep,
) -> HostedFleet:
    """Return the projects that a config selects by their full paths (`group/subgroup/project`), then those of owners.

    With the token of a job, projects must be selected by path, and are read by git alone.

    `url` is the URL of the web interface. `base_branches` are globs; without them the base branch is the default
    branch. `ca` is a file with certificates to trust instead of the default ones, `pause` waits between requests.
    """
    connection = GitLabConnection(url, token, ca=ca, seconds_between_writes=seconds_between_writes, pause=pause)
    return HostedFleet(GitLabServer(url, connection, token is not None), selected, base_branches)


@dataclass(frozen=True, slots=True)
class GitLabServer:
    """One GitLab server; implements `HostedServer`. Thread-safe: each thread has a client of its own."""

    url: str
    connection: GitLabConnection = field(repr=False)
    has_token: bool

    kind = KIND

    @property
    def clone_host(self) -> str | None:
        """The host that git clones from; None if the URL has a path."""
        return _get_clone_host(self.url)

    @property
    def must_list_owners(self) -> bool:
        """True for the token of a job, which finds no projects of an owner."""
        return self.connection.has_job_token

    def find_named(self, names: Sequence[str]) -> Iterator[tuple[str, ListedRepository | RefusedError]]:
        """Yield each path with its project, or with the reason why it was not found.

        The token of a job cannot look projects up; each is taken to exist until git reads it.
        """
        for name in names:
            try:
                if self.connection.has_job_token:
                    yield name, ListedRepository(name, None, default_branch=None)
                else:
                    yield name, GitLabCatalogue(self.connection).find_named(name)
            except RefusedError as refusal:
                yield name, refusal

    def list_owned(self, owner: str, is_selected: Callable[[ListedRepository], bool]) -> Sequence[ListedRepository]:
        """Return the selected projects of an owner, sorted by name. Raises RefusedError."""
        if self.connection.has_job_token:
            message = "a job token cannot list projects; hint: name each project, or set `token_env` to an access token"
            raise RefusedError(message, status=None)
        return GitLabCatalogue(self.connection).list_owned(owner, is_selected)

    def list_default_owners(self) -> Sequence[str]:
        """Return no owners: no token of GitLab selects projects by itself."""
        return ()

    def open_repository(self, name: str, server_id: str | None) -> GitLabRepository:
        """Return the access to one project."""
        project_id = int(server_id) if server_id is not None else None
        return GitLabRepository(GitLabRemote(self.connection, name, project_id))

    def examine(self, target: DiagnosisTarget, repositories: Iterable[GitRepository | RunFailure]) -> Iterator[Check]:
        """Identify the token, then list `repositories` and check the rights on them."""
        examination = GitLabExamination(self.connection, self.url, self.has_token)
        yield from examination.check_token(target)
        yield from examine_repositories(
            self.url, repositories, lambda repository: examination.check_repository(repository, target)
        )


@dataclass(frozen=True, slots=True)
class GitLabRepository:
    """One project on GitLab; implements `HostedRepository`."""

    remote: GitLabRemote

    def list_tips(self, prefix: str) -> Mapping[str, str]:
        """Return all branches that begin with `prefix`, and their commits. Raises RefusedError."""
        name = self.remote.name
        if self.remote.connection.has_job_token:
            message = f"{name}: a job token reads only the default branch; hint: remove `base_branches`"
            raise RefusedError(f"{message}, or set `token_env` to an access token", status=None)
        with translate_errors(name):
            return {branch: tip.commit for branch, tip in GitLabBranches(self.remote).list_tips(prefix).items()}

    def read_default_tip(self, default_branch: str | None) -> tuple[str, str] | None:
        """Return the default branch and its commit; None if it has none. Raises RefusedError."""
        if self.remote.connection.has_job_token:
            return self._read_default_tip_by_git()
        if default_branch is None:
            return None
        with translate_errors(self.remote.name):
            tip = GitLabBranches(self.remote).read_tip(default_branch)
            return (default_branch, tip.commit) if tip is not None else None

    def open_tree(self, commit: str) -> ListedTree:
        """Return the tree of a commit."""
        return open_tree(self.remote, commit)

    def open_forge(self, repository: GitRepository) -> GitLabForge:
        """Return the operations on branches and merge requests."""
        return GitLabForge(self.remote, repository)

    def open_dashboard(self) -> GitLabDashboard:
        """Return the operations on the dashboard issue."""
        return GitLabDashboard(self.remote)

    def _read_default_tip_by_git(self) -> tuple[str, str] | None:
        try:
            return self.remote.connection.build_origin(self.remote.name).read_default_branch()
        except RefusedError as refusal:
            message = (
                f"{refusal}; hint: check the name, and list the job's project there under the job token permissions"
            )
            raise RefusedError(message, status=refusal.status) from refusal


def _get_clone_host(url: str) -> str | None:
    """Return the host that git clones from; None if the URL has a path, since other tools do not know such names."""
    parts = urlsplit(url)
    return parts.netloc.lower() if parts.path in {"", "/"} else None
