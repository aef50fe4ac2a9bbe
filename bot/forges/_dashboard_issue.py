"""What the issue that is a dashboard has on every server: its label, its words, its number."""

from __future__ import annotations

from bot.model.dashboard import Board
from bot.model.errors import ForgeError

LABEL = "basebump-dashboard"
"""Who may set it belongs to the repository: a stranger's issue is never taken for ours."""
MAX_ISSUES = 100
"""Issues with the label that are looked at: there is one, unless people give it to others."""


def with_plain_ends(body: str | None) -> str:
    """Return a body as we wrote it: servers give back what people edit in a browser with CR LF."""
    return (body or "").replace("\r\n", "\n")


def number_of(board: Board, repository: str) -> int:
    """Return the number of an issue that is there. Raises ForgeError."""
    if board.number is None:
        raise ForgeError(f"the dashboard of {repository} has no number; run basebump again")
    return board.number
