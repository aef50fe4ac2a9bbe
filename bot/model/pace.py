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
class Rollout:
    """How repositories that nobody asked for by name are taken on; None is what holds for those, and for no others."""

    repositories_per_run: int | None = None
    """How many get their first proposal in one run."""
    first_proposal: bool | None = None
    """Whether each begins with one proposal for everything, and nothing else until people answered it."""
    needs_own_file: bool = False
    """Whether only those are looked at that have a file of their own, whoever asked for them."""


REPOSITORIES_PER_RUN = 20
"""What holds where nothing is said: as many as a team can answer for in a day."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Times in which proposals may be opened."""

    cron: str
    """Five fields, of which the first is `*`: hours and days, and no minute that a run would have to hit."""
    timezone: str = "UTC"
    """A name of the IANA time zone database."""
