"""The dashboard: an issue in each repository that lists basebump's proposals and the images that are not updated.

This module decides whether to write the issue, close it or leave it unchanged. `view/dashboard_builder.py` builds its
content.
"""

from __future__ import annotations

from enum import Enum, auto

from bot.model.dashboard import DashboardIssue

DASHBOARD_TITLE = "basebump: base images"
CONFIG_ERROR_TITLE = "basebump: the file of this repository cannot be used"

_MARK = "<!-- basebump:dashboard:1 -->"
_EMPTY_MARK = "<!-- basebump:dashboard:1 empty -->"
"""The mark of a dashboard issue that basebump closed because there was nothing to show."""
EMPTY_BODY = f"{_EMPTY_MARK}\nThere is nothing to show at the moment.\n"


class DashboardStep(Enum):
    """The next step for the dashboard issue."""

    LEAVE = auto()
    WRITE = auto()
    """Create or update the issue. Reopen the issue if it is closed."""
    CLOSE = auto()
    """Replace the text of the issue by a note that there is nothing to show, and close the issue."""


def choose_dashboard_step(issue: DashboardIssue | None, body: str | None) -> DashboardStep:
    """Return whether to write the dashboard issue, close it, or leave it unchanged.

    - `issue` is the existing issue; None if the repository has no dashboard issue.
    - `body` is the text that the issue should have; None if the dashboard is empty.

    If the issue is closed and there is something to show again, basebump reopens the issue only if basebump closed it.
    An issue that a user closed stays closed.
    """
    if body is None:
        return DashboardStep.CLOSE if issue is not None and issue.is_open else DashboardStep.LEAVE
    if issue is None:
        return DashboardStep.WRITE
    if not issue.is_open:
        return DashboardStep.WRITE if _EMPTY_MARK in issue.body else DashboardStep.LEAVE
    return DashboardStep.LEAVE if issue.body == body else DashboardStep.WRITE


def is_dashboard_body(body: str) -> bool:
    """Return True if `body` starts with the mark of a dashboard.

    Check only issues that basebump's own account created, because anyone can write the mark.
    """
    return body.startswith((_MARK, _EMPTY_MARK))


def add_mark(text: str) -> str:
    """Return `text` with the mark by which basebump recognises its dashboard."""
    return f"{_MARK}\n{text.strip()}\n"
