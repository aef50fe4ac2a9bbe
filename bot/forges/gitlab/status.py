"""Statuses of commits on GitLab: https://docs.gitlab.com/api/commits/#commit-status.

GitLab stores each status as a job, in the newest pipeline of the commit, or in a new pipeline if there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from gitlab.v4.objects import Project

from bot.forges.gitlab.connection import PER_PAGE, GitLabRemote
from bot.forges.hosted.records import StatusWriter
from bot.model.request_attributes import STATUS_CONTEXT, CommitStatus, StatusState

EXTERNAL_SOURCE = "external"
"""The source of a pipeline that GitLab created for statuses alone: https://docs.gitlab.com/api/pipelines/."""
_GITLAB_STATES = {StatusState.SUCCESS: "success", StatusState.FAILURE: "failed"}


def build_status_writer(remote: GitLabRemote) -> StatusWriter:
    """Return the writer of commit statuses for one project."""

    def read_status(commit: str) -> CommitStatus | None:
        def fetch(project: Project) -> CommitStatus | None:
            statuses = project.commits.get(commit, lazy=True).statuses
            own_statuses = list(islice(statuses.list(name=STATUS_CONTEXT, iterator=True), PER_PAGE))
            newest = max(own_statuses, key=lambda each: int(each.id), default=None)
            return _parse_status(newest.attributes) if newest is not None else None

        return remote.read(f"read the status of {commit}", fetch)

    def post_status(branch: str, commit: str, status: CommitStatus) -> None:
        body = {
            "state": _GITLAB_STATES[status.state],
            "name": STATUS_CONTEXT,
            "ref": branch,
            "description": status.description,
        }
        remote.write(
            f"set the status of {commit}",
            lambda project: project.commits.get(commit, lazy=True).statuses.create(body),
        )

    return StatusWriter(read_status, post_status)


def has_other_statuses(remote: GitLabRemote, commit: str) -> bool:
    """Return True if a commit has any status besides basebump's own. Raises RefusedError."""

    def fetch(project: Project) -> bool:
        statuses = islice(project.commits.get(commit, lazy=True).statuses.list(iterator=True), PER_PAGE)
        return any(str(each.name) != STATUS_CONTEXT for each in statuses)

    return remote.read(f"read the statuses of {commit}", fetch)


def _parse_status(data: Mapping[str, Any]) -> CommitStatus | None:
    state = next((each for each, word in _GITLAB_STATES.items() if word == data["status"]), None)
    return CommitStatus(state, str(data["description"])) if state is not None else None
