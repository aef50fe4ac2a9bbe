"""What was seen of a line over time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.model.reference import Digest, Line
from bot.model.vocabulary import Reason


@dataclass(frozen=True, slots=True)
class Sighting:
    """One unbroken time in which a tag was seen to point to a digest; A, then B, then A again are three."""

    line: Line
    digest: Digest
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class LineEnd:
    """That a line is over, as a look at its tags or at its publisher's word found."""

    digest: Digest
    """What the line pointed to then: one that moved since was not over."""
    reason: Reason
    """One of `superseded`."""
    detail: str
    successor: str | None
    """The tag that comes after it, where one is known."""
