"""The dashboard of a local repository: a blob of JSON `{title, body, state}`, as its proposals are."""

from __future__ import annotations

from dataclasses import dataclass

from bot.forges.git.command import Git, Move
from bot.forges.local.refs import DASHBOARD, Refs, Request, Saved, forge_errors
from bot.model.dashboard import Board


@dataclass(frozen=True, slots=True)
class LocalDashboard:
    """Verbs for the one issue of a repository; every verb raises ForgeError."""

    git: Git

    def read(self) -> Board | None:
        """Return it, open or closed; None where there never was one."""
        request = self._request()
        return None if request is None else Board(request.title, request.body, request.state is Saved.OPEN)

    def write(self, board: Board | None, title: str, body: str) -> None:  # noqa: ARG002 - there is one place for it
        """Make it, or change it and open it again."""
        self._save(title, body, Saved.OPEN)

    def close(self, board: Board, body: str) -> None:
        """Change what it says, and close it."""
        self._save(board.title, body, Saved.CLOSED)

    def _save(self, title: str, body: str, state: Saved) -> None:
        before = self._request()
        with forge_errors():
            saved = Refs(self.git).save(Request("", title, body, state))
            self.git.move([Move(DASHBOARD, before.blob if before else None, saved.blob)], "basebump: dashboard")

    def _request(self) -> Request | None:
        with forge_errors():
            return Refs(self.git).dashboard()
