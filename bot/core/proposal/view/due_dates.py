"""Template data for the due date of a proposal."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.markdown import Plain
from bot.model.due_date import DueClass, DueDate, DueUntil

_FIXES: dict[DueClass, str] = {
    DueClass.EXPLOITED: "a known exploited vulnerability",
    DueClass.CRITICAL: "a critical vulnerability",
    DueClass.HIGH: "a vulnerability of high severity",
    DueClass.MEDIUM: "a vulnerability of medium severity",
}


@dataclass(frozen=True, slots=True)
class DueView:
    """The time by which the policy wants the proposal to be merged, or its update to run."""

    at: Plain
    """The time, such as `2027-01-31 08:30 UTC`."""
    fixes: DueClass
    """The class of fixes that determines the date: `exploited`, `critical`, `high` or `medium`."""
    reason: Plain
    """What the proposal fixes, such as `a critical vulnerability`."""
    is_overdue: bool
    until: DueUntil
    """The stage that the update must reach: `merged` or `running`."""


def build_due_view(due: DueDate | None) -> DueView | None:
    """Return the data on a due date; None if there is none."""
    if due is None:
        return None
    at, reason = Plain(f"{due.at:%Y-%m-%d %H:%M} UTC"), Plain(_FIXES[due.fixes])
    return DueView(at, due.fixes, reason, due.is_overdue, due.until)
