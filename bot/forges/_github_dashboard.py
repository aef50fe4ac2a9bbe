"""The dashboard of a repository on GitHub: one issue of ours, known by its label."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from github.Repository import Repository

from bot.core.dashboard import is_ours
from bot.forges._github_connection import Remote
from bot.forges._github_errors import ISSUES_READ, ISSUES_WRITE, understood
from bot.model.dashboard import Board
from bot.model.errors import ForgeError

LABEL = "basebump-dashboard"
"""Who may set it may also push: a stranger's issue is never taken for ours."""
MAX_ISSUES = 100
"""Issues with the label that are looked at: there is one, unless people give it to others."""


@dataclass(frozen=True, slots=True)
class GitHubDashboard:
    """Verbs for the one issue of a repository; every verb raises ForgeError."""

    remote: Remote

    def read(self) -> Board | None:
        """Return it, open or closed; None where there never was one.

        https://docs.github.com/en/rest/issues/issues#list-repository-issues
        """
        with understood(self.remote.name):
            login = self.remote.connection.account().login

            def look(repository: Repository) -> Board | None:
                for issue in islice(repository.get_issues(state="all", labels=[LABEL]), MAX_ISSUES):
                    body = (issue.body or "").replace("\r\n", "\n")
                    is_own = issue.pull_request is None and login in (issue.user.login, None)
                    if is_own and is_ours(body):
                        return Board(issue.title, body, issue.state == "open", issue.number)
                return None

            return self.remote.read("look for the dashboard", look, ISSUES_READ)

    def write(self, board: Board | None, title: str, body: str) -> None:
        """Make it, or change it and open it again."""

        def write(repository: Repository) -> None:
            if board is None or board.number is None:
                repository.create_issue(title, body=body, labels=[LABEL])
            else:
                repository.get_issue(board.number).edit(title=title, body=body, state="open")

        with understood(self.remote.name):
            self.remote.write("write the dashboard", write, ISSUES_WRITE)

    def close(self, board: Board, body: str) -> None:
        """Change what it says, and close it."""
        number = board.number
        if number is None:
            raise ForgeError(f"the dashboard of {self.remote.name} has no number")
        with understood(self.remote.name):
            self.remote.write(
                "close the dashboard",
                lambda repository: repository.get_issue(number).edit(body=body, state="closed"),
                ISSUES_WRITE,
            )
