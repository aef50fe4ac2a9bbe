"""The dashboard of a repository on GitHub: one issue of ours, known by its label."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from github.Repository import Repository

from bot.core.proposal.dashboard import is_ours
from bot.forges._dashboard_issue import LABEL, MAX_ISSUES, number_of, with_plain_ends
from bot.forges.github.connection import Remote, login_of
from bot.forges.github.errors import ISSUES_READ, ISSUES_WRITE, understood
from bot.model.dashboard import Board


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
                    body = with_plain_ends(issue.body)
                    is_own = login is None or login_of(issue.user) == login
                    if is_own and issue.pull_request is None and is_ours(body):
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
        number = number_of(board, self.remote.name)
        with understood(self.remote.name):
            self.remote.write(
                "close the dashboard",
                lambda repository: repository.get_issue(number).edit(body=body, state="closed"),
                ISSUES_WRITE,
            )
