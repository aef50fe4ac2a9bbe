"""Template data for the outcome of CI in other repositories of the fleet."""

from __future__ import annotations

from dataclasses import dataclass

from bot.model.ci import FleetOutcome


@dataclass(frozen=True, slots=True)
class FleetView:
    """The outcome of CI on the requests of the fleet that propose the new digest. Every repository counts once."""

    passed: int
    finished: int
    """The number of repositories in which CI passed or failed."""
    merged: int
    """The number of repositories that merged the digest, whatever the outcome of CI."""
    is_failing: bool
    """True if CI failed in so many repositories that the digest is proposed only if it is urgent."""


def build_fleet_view(outcome: FleetOutcome | None) -> FleetView | None:
    """Return the data on the outcome of CI; None if CI ended in no repository, and none merged the digest."""
    if outcome is None or not (outcome.finished or outcome.merged):
        return None
    return FleetView(outcome.passed, outcome.finished, outcome.merged, outcome.is_failing)
