"""The dashboard of a local repository: a blob with JSON `{title, body, state}`, like its proposals."""

from __future__ import annotations

from dataclasses import dataclass

from bot.forges.git.command import Git, Move
from bot.forges.local.refs import DASHBOARD, Refs, Request, Saved, forge_errors
from bot.model.dashboard import DashboardIssue


@dataclass(frozen=True, slots=True)
class LocalDashboard:
    """The dashboard of one local repository. Every method raises ForgeError."""

    git: Git

    def read(self) -> DashboardIssue | None:
        """Return the dashboard, open or closed; None if it was never created."""
        request = self._request()
        return None if request is None else DashboardIssue(request.title, request.body, request.state is Saved.OPEN)

    def write(self, board: DashboardIssue | None, title: str, body: str) -> None:  # noqa: ARG002 - there is one ref for it
        """Create the dashboard, or update and reopen it."""
        self._save(title, body, Saved.OPEN)

    def close(self, board: DashboardIssue, body: str) -> None:
        """Update the text of the dashboard and close it."""
        self._save(board.title, body, Saved.CLOSED)

    def _save(self, title: str, body: str, state: Saved) -> None:
        before = self._request()
        with forge_errors():
            saved = Refs(self.git).save(Request("", title, body, state))
            self.git.move([Move(DASHBOARD, before.blob if before else None, saved.blob)], "basebump: dashboard")

    def _request(self) -> Request | None:
        with forge_errors():
            return Refs(self.git).dashboard()
