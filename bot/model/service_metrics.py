"""Figures about the service for monitoring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.model.work import WorkKind


@dataclass(frozen=True, slots=True)
class PendingFigures:
    """Figures about the pending work of one kind. Each piece of work is counted in `later`, `due` or `claimed`."""

    kind: WorkKind
    later: int = 0
    """Work that is not due yet."""
    due: int = 0
    """Work that is due, and that no worker is doing."""
    claimed: int = 0
    """Work that a worker is doing."""
    failing: int = 0
    """Work in any of these states whose last attempt failed."""
    interrupted: int = 0
    """Work in any of these states with at least MAX_INTERRUPTIONS interruptions in a row."""
    oldest_due_age: timedelta = timedelta()
    """How long the oldest work that is due has been waiting; zero if nothing is due."""


@dataclass(frozen=True, slots=True)
class EndedWork:
    """The part of the record of finished work that metrics need."""

    id: int
    """Later records have greater numbers, but several workers can store them in another order."""
    kind: WorkKind
    host: str
    is_failure: bool
    opened: int
    ended_at: datetime
    pushed_at: datetime | None
