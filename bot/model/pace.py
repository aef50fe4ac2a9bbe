"""How fast proposals may come: what the operator allows at once, and when."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How many proposals may be opened; None is as many as there are."""

    new_per_repository: int | None = None
    """In one run."""
    new_per_run: int | None = None
    """In all repositories together."""
    open_per_repository: int | None = None
    """At the same time, those of earlier runs included."""


FLEET_LIMITS = Limits(new_per_repository=2, new_per_run=50, open_per_repository=5)
"""What holds where nothing is said, for repositories that nobody asked for by name."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Times in which proposals may be opened."""

    cron: str
    """Five fields, of which the first is `*`: hours and days, and no minute that a run would have to hit."""
    timezone: str = "UTC"
    """A name of the IANA time zone database."""
