"""The dashboard issue of a repository, and the actions that users request in it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

DASHBOARD_LABEL = "basebump-dashboard"
"""The label of the dashboard issue. Only users with rights in the repository can set labels, so an issue of any other
user is never mistaken for the dashboard."""


class RequestedAction(StrEnum):
    """An action that a user requests by selecting a checkbox in the dashboard issue or by setting a label."""

    OPEN = "open"
    """Open the proposal now, regardless of limits and schedules."""
    AGAIN = "again"
    """Propose the update again, although a user closed its pull request."""
    REBASE = "rebase"
    """Create the branch again, even if other people committed to it."""


@dataclass(frozen=True, slots=True)
class DashboardIssue:
    """The dashboard issue, as it is stored on the forge."""

    title: str
    body: str
    is_open: bool
    number: int | None = None
    """The number of the issue on the forge; None if the forge has not assigned a number."""
