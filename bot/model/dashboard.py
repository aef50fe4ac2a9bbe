"""The one issue in which a repository sees everything that is known of it, and what people ask for there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Ask(StrEnum):
    """What a person asks for, by ticking a box or by a label."""

    OPEN = "open"
    """Open it now, whatever limits and schedules say."""
    AGAIN = "again"
    """Offer it again, though somebody closed it."""
    REBASE = "rebase"
    """Rebuild its branch, whoever committed to it."""


@dataclass(frozen=True, slots=True)
class Board:
    """The issue as its forge keeps it."""

    title: str
    body: str
    is_open: bool
    number: int | None = None
