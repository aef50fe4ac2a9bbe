"""The dashboard of a project on GitLab: an issue of basebump's account, found by its label."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from gitlab.v4.objects import Project

from bot.core.proposal.dashboard import is_dashboard_body
from bot.forges._dashboard_issue import LABEL, MAX_ISSUES, number_of, with_plain_ends
from bot.forges.gitlab.connection import Remote
from bot.forges.gitlab.errors import understood
from bot.model.dashboard import DashboardIssue


@dataclass(frozen=True, slots=True)
class GitLabDashboard:
    """The dashboard issue of one project. Every method raises ForgeError."""

    remote: Remote

    def read(self) -> DashboardIssue | None:
        """Return the dashboard issue, open or closed; None if it was never created.

        The token of a job sees no issues, so the result is None, too.
        https://docs.gitlab.com/api/issues/#list-project-issues
        """
        if self.remote.connection.is_of_job:
            return None
        with understood(self.remote.name):
            username = self.remote.connection.account().username

            def look(project: Project) -> DashboardIssue | None:
                for issue in islice(project.issues.list(labels=LABEL, state="all", iterator=True), MAX_ISSUES):
                    body = with_plain_ends(issue.description)
                    if issue.author["username"] == username and is_dashboard_body(body):
                        return DashboardIssue(str(issue.title), body, issue.state == "opened", int(issue.iid))
                return None

            return self.remote.read("find the dashboard", look)

    def write(self, board: DashboardIssue | None, title: str, body: str) -> None:
        """Create the dashboard issue, or update and reopen it."""
        words = {"title": title, "description": body}

        def write(project: Project) -> None:
            if board is None or board.number is None:
                project.issues.create(words | {"labels": LABEL})
            else:
                again = {} if board.is_open else {"state_event": "reopen"}
                project.issues.update(board.number, words | again)

        self.remote.write("write the dashboard", write)

    def close(self, board: DashboardIssue, body: str) -> None:
        """Update the text of the dashboard issue and close it."""
        number = number_of(board, self.remote.name)
        self.remote.write(
            "close the dashboard",
            lambda project: project.issues.update(number, {"description": body, "state_event": "close"}),
        )
