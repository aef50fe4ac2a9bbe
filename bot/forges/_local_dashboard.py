"""The dashboard of a local repository: a blob of JSON `{title, body, state}`, as its proposals are."""

from __future__ import annotations

from dataclasses import dataclass

from bot.forges._local_git import Git, Move
from bot.forges._local_refs import DASHBOARD, Refs, Request, Saved
from bot.model.dashboard import Board
from bot.model.errors import ForgeError, ProcessError


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
        try:
            saved = Refs(self.git).save(Request("", title, body, state))
            self.git.move([Move(DASHBOARD, before.blob if before else None, saved.blob)], "basebump: dashboard")
        except ProcessError as error:
            raise ForgeError(str(error)) from error

    def _request(self) -> Request | None:
        try:
            return Refs(self.git).dashboard()
        except ProcessError as error:
            raise ForgeError(str(error)) from error
