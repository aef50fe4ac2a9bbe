"""Commit statuses and the dashboard issue on GitLab.

GitLab stores each status (https://docs.gitlab.com/api/commits/#commit-status) as a job, in the newest pipeline of the
commit, or in a new pipeline if there is none. The dashboard is an issue of basebump's account, found by its label.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from gitlab.v4.objects import Project

from bot.core.proposal.dashboard import is_dashboard_body
from bot.forges.gitlab.connection import PER_PAGE, GitLabRemote
from bot.forges.gitlab.errors import translate_errors
from bot.forges.hosted.records import (
    DASHBOARD_LABEL,
    MAX_ISSUES,
    StatusWriter,
    normalise_line_ends,
    require_issue_number,
)
from bot.model.dashboard import DashboardIssue
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


@dataclass(frozen=True, slots=True)
class GitLabDashboard:
    """The dashboard issue of one project. Every method raises ForgeError."""

    remote: GitLabRemote

    def read(self) -> DashboardIssue | None:
        """Return the dashboard issue, open or closed; None if it was never created.

        The token of a job sees no issues, so the result is None, too.
        https://docs.gitlab.com/api/issues/#list-project-issues
        """
        if self.remote.connection.has_job_token:
            return None
        with translate_errors(self.remote.name):
            username = self.remote.connection.get_account().username

            def find_issue(project: Project) -> DashboardIssue | None:
                for issue in islice(
                    project.issues.list(labels=DASHBOARD_LABEL, state="all", iterator=True), MAX_ISSUES
                ):
                    body = normalise_line_ends(issue.description)
                    if issue.author["username"] == username and is_dashboard_body(body):
                        return DashboardIssue(str(issue.title), body, issue.state == "opened", int(issue.iid))
                return None

            return self.remote.read("find the dashboard", find_issue)

    def write(self, issue: DashboardIssue | None, title: str, body: str) -> None:
        """Create the dashboard issue, or update and reopen it."""
        fields = {"title": title, "description": body}

        def save_issue(project: Project) -> None:
            if issue is None or issue.number is None:
                project.issues.create(fields | {"labels": DASHBOARD_LABEL})
            else:
                reopening = {} if issue.is_open else {"state_event": "reopen"}
                project.issues.update(issue.number, fields | reopening)

        self.remote.write("write the dashboard", save_issue)

    def close(self, issue: DashboardIssue, body: str) -> None:
        """Update the text of the dashboard issue and close it."""
        number = require_issue_number(issue, self.remote.name)
        self.remote.write(
            "close the dashboard",
            lambda project: project.issues.update(number, {"description": body, "state_event": "close"}),
        )
