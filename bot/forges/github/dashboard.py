"""The dashboard of a repository on GitHub: an issue of basebump's account, found by its label."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from github.Repository import Repository

from bot.core.proposal.dashboard import is_dashboard_body
from bot.forges._dashboard_issue import LABEL, MAX_ISSUES, number_of, with_plain_ends
from bot.forges.github.connection import Remote, login_of
from bot.forges.github.errors import ISSUES_READ, ISSUES_WRITE, understood
from bot.model.dashboard import DashboardIssue


@dataclass(frozen=True, slots=True)
class GitHubDashboard:
    """The dashboard issue of one repository. Every method raises ForgeError."""

    remote: Remote

    def read(self) -> DashboardIssue | None:
        """Return the dashboard issue, open or closed; None if it was never created.

        https://docs.github.com/en/rest/issues/issues#list-repository-issues
        """
        with understood(self.remote.name):
            login = self.remote.connection.account().login

            def look(repository: Repository) -> DashboardIssue | None:
                for issue in islice(repository.get_issues(state="all", labels=[LABEL]), MAX_ISSUES):
                    body = with_plain_ends(issue.body)
                    is_own = login is None or login_of(issue.user) == login
                    if is_own and issue.pull_request is None and is_dashboard_body(body):
                        return DashboardIssue(issue.title, body, issue.state == "open", issue.number)
                return None

            return self.remote.read("find the dashboard", look, ISSUES_READ)

    def write(self, board: DashboardIssue | None, title: str, body: str) -> None:
        """Create the dashboard issue, or update and reopen it."""

        def write(repository: Repository) -> None:
            if board is None or board.number is None:
                repository.create_issue(title, body=body, labels=[LABEL])
            else:
                repository.get_issue(board.number).edit(title=title, body=body, state="open")

        with understood(self.remote.name):
            self.remote.write("write the dashboard", write, ISSUES_WRITE)

    def close(self, board: DashboardIssue, body: str) -> None:
        """Update the text of the dashboard issue and close it."""
        number = number_of(board, self.remote.name)
        with understood(self.remote.name):
            self.remote.write(
                "close the dashboard",
                lambda repository: repository.get_issue(number).edit(body=body, state="closed"),
                ISSUES_WRITE,
            )
