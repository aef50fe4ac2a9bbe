"""Statuses of commits on GitLab: https://docs.gitlab.com/api/commits/#commit-status.

GitLab stores each status as a job, in the newest pipeline of the commit, or in a new pipeline if there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from gitlab.v4.objects import Project

from bot.forges._status import StatusWriter
from bot.forges.gitlab.connection import PER_PAGE, Remote
from bot.model.extras import STATUS_CONTEXT, CommitStatus, StatusState

EXTERNAL = "external"
"""The source of a pipeline that GitLab created for statuses alone: https://docs.gitlab.com/api/pipelines/."""
_WORDS = {StatusState.SUCCESS: "success", StatusState.FAILURE: "failed"}


def status_writer(remote: Remote) -> StatusWriter:
    """Return the writer of commit statuses for one project."""

    def look(commit: str) -> CommitStatus | None:
        def ask(project: Project) -> CommitStatus | None:
            statuses = project.commits.get(commit, lazy=True).statuses
            found = list(islice(statuses.list(name=STATUS_CONTEXT, iterator=True), PER_PAGE))
            newest = max(found, key=lambda each: int(each.id), default=None)
            return _status(newest.attributes) if newest is not None else None

        return remote.read(f"read the status of {commit}", ask)

    def post(branch: str, commit: str, status: CommitStatus) -> None:
        words = {
            "state": _WORDS[status.state],
            "name": STATUS_CONTEXT,
            "ref": branch,
            "description": status.description,
        }
        remote.write(
            f"set the status of {commit}",
            lambda project: project.commits.get(commit, lazy=True).statuses.create(words),
        )

    return StatusWriter(look, post)


def is_of_others(remote: Remote, commit: str) -> bool:
    """Return True if a commit has any status besides basebump's own. Raises RefusedError."""

    def ask(project: Project) -> bool:
        found = islice(project.commits.get(commit, lazy=True).statuses.list(iterator=True), PER_PAGE)
        return any(str(each.name) != STATUS_CONTEXT for each in found)

    return remote.read(f"read the statuses of {commit}", ask)


def _status(shown: Mapping[str, Any]) -> CommitStatus | None:
    state = next((each for each, word in _WORDS.items() if word == shown["status"]), None)
    return CommitStatus(state, str(shown["description"])) if state is not None else None
