"""The dashboard of a project on GitLab: one issue of ours, known by its label."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from gitlab.v4.objects import Project

from bot.core.dashboard import is_ours
from bot.forges._gitlab_connection import Remote
from bot.forges._gitlab_errors import understood
from bot.model.dashboard import Board
from bot.model.errors import ForgeError

LABEL = "basebump-dashboard"
"""Who may set it is a member of the project: a stranger's issue is never taken for ours."""
MAX_ISSUES = 100
"""Issues with the label that are looked at: there is one, unless people give it to others."""


@dataclass(frozen=True, slots=True)
class GitLabDashboard:
    """Verbs for the one issue of a project; every verb raises ForgeError."""

    remote: Remote

    def read(self) -> Board | None:
        """Return it, open or closed; None where there never was one.

        https://docs.gitlab.com/api/issues/#list-project-issues
        """
        with understood(self.remote.name):
            username = self.remote.connection.account().username

            def look(project: Project) -> Board | None:
                for issue in islice(project.issues.list(labels=LABEL, state="all", iterator=True), MAX_ISSUES):
                    body = str(issue.description or "").replace("\r\n", "\n")
                    if issue.author["username"] == username and is_ours(body):
                        return Board(str(issue.title), body, issue.state == "opened", int(issue.iid))
                return None

            return self.remote.read("look for the dashboard", look)

    def write(self, board: Board | None, title: str, body: str) -> None:
        """Make it, or change it and open it again."""
        words = {"title": title, "description": body}

        def write(project: Project) -> None:
            if board is None or board.number is None:
                project.issues.create(words | {"labels": LABEL})
            else:
                again = {} if board.is_open else {"state_event": "reopen"}
                project.issues.update(board.number, words | again)

        self.remote.write("write the dashboard", write)

    def close(self, board: Board, body: str) -> None:
        """Change what it says, and close it."""
        number = board.number
        if number is None:
            raise ForgeError(f"the dashboard of {self.remote.name} has no number; run basebump again")
        self.remote.write(
            "close the dashboard",
            lambda project: project.issues.update(number, {"description": body, "state_event": "close"}),
        )
