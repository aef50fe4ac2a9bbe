"""The dashboard of a repository on GitHub: an issue of basebump's account, found by its label."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from github.Repository import Repository

from bot.core.proposal.dashboard import is_dashboard_body
from bot.forges.github.connection import GitHubRemote, get_login
from bot.forges.github.errors import ISSUES_READ, ISSUES_WRITE, translate_errors
from bot.forges.hosted.records import DASHBOARD_LABEL, MAX_ISSUES, normalise_line_ends, require_issue_number
from bot.model.dashboard import DashboardIssue


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
