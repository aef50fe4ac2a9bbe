"""Commit statuses and the dashboard issue on GitHub.

A status is one of https://docs.github.com/en/rest/commits/statuses. The dashboard is an issue of basebump's account,
found by its label.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from github.Repository import Repository

from bot.core.proposal.dashboard import is_dashboard_body
from bot.forges.github.connection import PER_PAGE, GitHubRemote, get_login
from bot.forges.github.errors import ISSUES_READ, ISSUES_WRITE, STATUSES_WRITE, translate_errors
from bot.forges.hosted.records import (
    DASHBOARD_LABEL,
    MAX_ISSUES,
    StatusWriter,
    normalise_line_ends,
    require_issue_number,
)
from bot.model.dashboard import DashboardIssue
from bot.model.request_attributes import STATUS_CONTEXT, CommitStatus, StatusState


def build_status_writer(remote: GitHubRemote) -> StatusWriter:
    """Return the writer of commit statuses for one repository."""

    def read_status(commit: str) -> CommitStatus | None:
        """Read the last status of each name; a commit has few, so one page is enough."""

        def fetch(repository: Repository) -> CommitStatus | None:
            address = f"{repository.url}/commits/{commit}/status"
            _, answer = repository.requester.requestJsonAndCheck("GET", address, parameters={"per_page": PER_PAGE})
            return next((_parse_status(each) for each in answer["statuses"] if each["context"] == STATUS_CONTEXT), None)

        return remote.read(f"read the status of {commit}", fetch, STATUSES_WRITE)

    def post_status(_branch: str, commit: str, status: CommitStatus) -> None:
        body = {"state": status.state.value, "description": status.description, "context": STATUS_CONTEXT}
        remote.write(
            f"set the status of {commit}",
            lambda repository: repository.requester.requestJsonAndCheck(
                "POST", f"{repository.url}/statuses/{commit}", input=body
            ),
            STATUSES_WRITE,
        )

    return StatusWriter(read_status, post_status)


def _parse_status(data: Mapping[str, Any]) -> CommitStatus | None:
    state = next((each for each in StatusState if each == data["state"]), None)
    return CommitStatus(state, str(data["description"])) if state is not None else None


@dataclass(frozen=True, slots=True)
class GitHubDashboard:
    """The dashboard issue of one repository. Every method raises ForgeError."""

    remote: GitHubRemote

    def read(self) -> DashboardIssue | None:
        """Return the dashboard issue, open or closed; None if it was never created.

        https://docs.github.com/en/rest/issues/issues#list-repository-issues
        """
        with translate_errors(self.remote.name):
            login = self.remote.connection.get_account().login

            def find_issue(repository: Repository) -> DashboardIssue | None:
                for issue in islice(repository.get_issues(state="all", labels=[DASHBOARD_LABEL]), MAX_ISSUES):
                    body = normalise_line_ends(issue.body)
                    is_own_author = login is None or get_login(issue.user) == login
                    if is_own_author and issue.pull_request is None and is_dashboard_body(body):
                        return DashboardIssue(issue.title, body, issue.state == "open", issue.number)
                return None

            return self.remote.read("find the dashboard", find_issue, ISSUES_READ)

    def write(self, issue: DashboardIssue | None, title: str, body: str) -> None:
        """Create the dashboard issue, or update and reopen it."""

        def save_issue(repository: Repository) -> None:
            if issue is None or issue.number is None:
                repository.create_issue(title, body=body, labels=[DASHBOARD_LABEL])
            else:
                repository.get_issue(issue.number).edit(title=title, body=body, state="open")

        with translate_errors(self.remote.name):
            self.remote.write("write the dashboard", save_issue, ISSUES_WRITE)

    def close(self, issue: DashboardIssue, body: str) -> None:
        """Update the text of the dashboard issue and close it."""
        number = require_issue_number(issue, self.remote.name)
        with translate_errors(self.remote.name):
            self.remote.write(
                "close the dashboard",
                lambda repository: repository.get_issue(number).edit(body=body, state="closed"),
                ISSUES_WRITE,
            )
