"""A GitLab server: gitlab.com or a self-managed server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import quote

from bot.forges.gitlab.activity import GitLabActivityReader
from bot.forges.gitlab.attributes import GitLabAutomerge
from bot.forges.gitlab.branches import GitLabBranches
from bot.forges.gitlab.catalogue import GitLabCatalogue
from bot.forges.gitlab.ci import GitLabCi
from bot.forges.gitlab.commits import GitLabCommits
from bot.forges.gitlab.connection import GitLabConnection, GitLabRemote, JobToken
from bot.forges.gitlab.gitlab_errors import GITLAB_ERRORS
from bot.forges.gitlab.merge_requests import (
    DRAFT_PREFIX,
    GitLabIssues,
    GitLabRequestReader,
    GitLabRequestWriter,
    GitLabStatuses,
)
from bot.forges.gitlab.token_examination import GitLabExamination
from bot.forges.gitlab.tree import open_folder, open_tree
from bot.forges.hosted.activity import add_activity_if_found
from bot.forges.hosted.catalogue import ListedRepository, find_each
from bot.forges.hosted.fleet import HostedServer, get_clone_host
from bot.forges.hosted.forge import HostedRepository
from bot.forges.hosted.refusal import RefusedError
from bot.forges.hosted.server_examination import examine_server
from bot.model.diagnosis import Check, DiagnosisTarget
from bot.model.forge import ActivityScope, ForgeLimits, GitRepository
from bot.model.report import RunFailure

__all__ = ["KIND", "SITE", "JobToken", "open_server"]

KIND = "gitlab"
SITE = "https://gitlab.com"
MAX_BODY = 262_144
"""The largest body, in characters. GitLab allows a mebibyte, and some versions count bytes; a character has up to four
bytes."""
MAX_TITLE = 255 - len(DRAFT_PREFIX)
"""The largest title, in characters, without the prefix that marks a draft."""
_LIMITS = ForgeLimits(
    body_characters=MAX_BODY,
    title_characters=MAX_TITLE,
    number_prefix="!",
    is_automerge_cancelled_by_push=True,
    has_statuses=True,
    has_alerts=True,  # https://docs.gitlab.com/user/markdown/#alerts, since GitLab 17.10; before, as quotes
)


def open_server(
    url: str,
    token: str | JobToken | None,
    *,
    ca: Path | None = None,
    seconds_between_writes: float = 0.0,
    pause: Callable[[float], None] = time.sleep,
) -> GitLabServer:
    """Return a GitLab server that is accessed with a token. This function sends no request.

    Args:
        url: The URL of the web interface.
        token: A token; None to read public projects. With the token of a CI job, basebump reads projects and their
            files with git instead of the API.
        ca: A file with certificates to trust instead of the default ones.
        seconds_between_writes: The shortest time between two requests that change something.
        pause: Waits for a number of seconds.
    """
    connection = GitLabConnection(url, token, ca=ca, seconds_between_writes=seconds_between_writes, pause=pause)
    return GitLabServer(url, connection, token is not None)


@dataclass(frozen=True, slots=True)
class GitLabServer(HostedServer):
    """A GitLab server. A config for such a server must always select projects or owners."""

    connection: GitLabConnection = field(repr=False)
    has_token: bool
    readers: dict[ActivityScope, GitLabActivityReader] = field(default_factory=dict, repr=False, compare=False)
    """The objects that read the activities of projects. All owners share the lists in these objects."""

    kind = KIND

    @property
    def clone_host(self) -> str | None:
        """The host from which git clones projects by name; None if the server's URL has a path."""
        return get_clone_host(self.url)

    def build_files_url(self, name: str, branch: str) -> str:
        return f"{self.url.rstrip('/')}/{quote(name)}/-/blob/{quote(branch)}/"

    @property
    def must_list_owners(self) -> bool:
        """True if the token is that of a CI job, so that only `list_owned` is used for the projects of an owner.

        Such a token can neither look up nor list projects. `list_owned` raises an error that explains this with a hint.
        """
        return self.connection.has_job_token

    def find_named(
        self, names: Sequence[str], activity_scope: ActivityScope | None = None
    ) -> Iterator[tuple[str, ListedRepository | RefusedError]]:
        """Look up projects by full path; yield each path with its project, or with the error of the look-up.

        If the token is that of a CI job, basebump reads the default branch of each project with git, because such a
        token cannot use the API to look up projects.
        """
        if self.connection.has_job_token:
            yield from find_each(names, GITLAB_ERRORS, self._find_by_git)
            return
        reader = self._get_reader(len(names), activity_scope)
        for name, listed in GitLabCatalogue(self.connection).find_named(names):
            yield name, add_activity_if_found(reader, listed)

    def list_owned(
        self,
        owner: str,
        is_selected: Callable[[ListedRepository], bool],
        activity_scope: ActivityScope | None = None,
    ) -> Sequence[ListedRepository]:
        """Return the projects of an owner for which `is_selected` returns True, sorted by name.

        Raises RefusedError if an API call fails.
        """
        if self.connection.has_job_token:
            message = "a job token cannot list projects; hint: name each project, or set `token_env` to an access token"
            raise RefusedError(message, status=None)
        selected = GitLabCatalogue(self.connection).list_owned(owner, is_selected)
        reader = self._get_reader(len(selected), activity_scope)
        return selected if reader is None else list(map(reader.add_activity, selected))

    def check_base_branches(self, name: str) -> None:
        """Raise RefusedError if the token is that of a CI job.

        Such a token can read only the default branch of a project, so that `base_branches` cannot be used.
        """
        if self.connection.has_job_token:
            message = (
                f"{name}: a job token reads only the default branch; hint: remove `base_branches`, or set `token_env` "
                "to an access token"
            )
            raise RefusedError(message, status=None)

    def open_repository(self, name: str, server_id: str | None) -> HostedRepository:
        """Return the objects that access one project. This method sends no request.

        `server_id` is the project's numeric id; None if this id is not known.
        """
        remote = GitLabRemote(self.connection, name, int(server_id) if server_id is not None else None)
        return HostedRepository(
            name=name,
            limits=_LIMITS,
            errors=GITLAB_ERRORS,
            pause=self.connection.pause,
            open_tree=partial(open_tree, remote),
            branches=GitLabBranches(remote),
            commits=GitLabCommits(remote),
            requests=GitLabRequestReader(remote),
            request_writer=GitLabRequestWriter(remote),
            automerge=GitLabAutomerge(remote),
            statuses=GitLabStatuses(remote),
            ci=GitLabCi(remote),
            issues=GitLabIssues(remote),
            open_folder=partial(open_folder, remote),
            is_read_only=self.connection.has_job_token,
        )

    def examine(self, target: DiagnosisTarget, repositories: Iterable[GitRepository | RunFailure]) -> Iterator[Check]:
        examination = GitLabExamination(self.connection, self.url, self.has_token)
        return examine_server(self, examination, target, repositories)

    def _get_reader(self, count: int, scope: ActivityScope | None) -> GitLabActivityReader | None:
        """Return the object that reads the activities of `count` projects; None if no lists are read.

        For a single project, reading its activity directly takes fewer API calls than the lists of everything that the
        account created.
        """
        if scope is None or count <= 1 or not self.has_token:
            return None
        return self.readers.setdefault(scope, GitLabActivityReader(self.connection, scope))

    def _find_by_git(self, name: str) -> ListedRepository:
        """Read the default branch of a project with git, and return the project.

        Raises RefusedError if an API call fails.

        If the project has no commits, the default branch in the result is None.
        """
        try:
            default_tip = self.connection.build_origin(name).read_default_branch()
        except RefusedError as refusal:
            message = (
                f"{refusal}; hint: check the name, and list the job's project there under the job token permissions"
            )
            raise RefusedError(message, status=refusal.status) from refusal
        branch, commit = default_tip if default_tip is not None else (None, None)
        return ListedRepository(name, None, branch, head_commit=commit)
