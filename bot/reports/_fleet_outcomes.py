"""Renders the outcome of CI with a digest in the repositories of a fleet as JSON."""

from __future__ import annotations

from bot.model.ci import FleetOutcome
from bot.reports.json_text import JsonValue


def render_fleet_outcome(outcome: FleetOutcome) -> JsonValue:
    """Return the numbers of repositories of the fleet in which CI passed or failed with the new digest."""
    counts: dict[str, JsonValue] = {"passed": outcome.passed, "failed": outcome.failed, "merged": outcome.merged}
    return {**counts, "broken": outcome.broken, "failing": outcome.is_failing}
