"""The dashboard of a project on GitLab: an issue of basebump's account, found by its label."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from gitlab.v4.objects import Project

from bot.core.proposal.dashboard import is_dashboard_body
from bot.forges.gitlab.connection import GitLabRemote
from bot.forges.gitlab.errors import translate_errors
from bot.forges.hosted.records import DASHBOARD_LABEL, MAX_ISSUES, normalise_line_ends, require_issue_number
from bot.model.dashboard import DashboardIssue


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
