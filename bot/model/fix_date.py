"""The date of a fix: the time since which a fixed version of a package exists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class FixOrigin(StrEnum):
    """The source of the date of a fix."""

    ADVISORY = "advisory"
    """The date of the advisory, according to the scanner."""
    FIRST_SEEN = "first-seen"
    """The first daily match in which the fix appeared."""
    AT_LEAST = "at-least"
    """The first match of the package, which already had the fix. The fix is at least as old as the date."""


@dataclass(frozen=True, slots=True)
class FixDate:
    """The time since which a fix exists, and the source of this time."""

    at: datetime
    origin: FixOrigin


def choose_fix_date(published_at: datetime | None, seen_at: datetime, origin: FixOrigin) -> FixDate:
    """Return the date of a fix, which is never later than the time at which basebump saw the fix.

    Args:
        published_at: The date of the advisory; None if the scanner does not state it.
        seen_at: The time of the first match with the fix.
        origin: The meaning of `seen_at`: `FIRST_SEEN` or `AT_LEAST`.
    """
    if published_at is not None and published_at <= seen_at:
        return FixDate(published_at, FixOrigin.ADVISORY)
    return FixDate(seen_at, origin)
