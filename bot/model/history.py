"""What was seen of a line over time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.model.reference import Digest, Line


@dataclass(frozen=True, slots=True)
class Sighting:
    """One unbroken time in which a tag was seen to point to a digest; A, then B, then A again are three."""

    line: Line
    digest: Digest
    first_seen: datetime
    last_seen: datetime
