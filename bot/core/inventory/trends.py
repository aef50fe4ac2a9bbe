"""The fixes of a fleet over time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from bot.core.inventory.patch_times import find_percentile, list_groups, summarise_patches
from bot.model.patch_times import FixSeverity, FleetTrends, Patch, PatchGrouping, TeamTrend, TrendPoint

MEDIAN_PERIOD = timedelta(days=30)
"""Each point of the line of medians covers the fixes that were merged in this period before the point."""
POINTS = 53
"""The number of points of a line: one for each week of a year."""


def build_trends(patches: Sequence[Patch], since: datetime, now: datetime) -> FleetTrends:
    """Return the fixes from `since` until `now`.

    `patches` must contain all fixes that were merged after `since`, and for the first medians also the fixes that were
    merged in MEDIAN_PERIOD before.
    """
    by_team = summarise_patches(patches, PatchGrouping.TEAM, since, now)
    patches_by_team = defaultdict[str, list[Patch]](list)
    for patch in patches:
        for team in list_groups(patch, PatchGrouping.TEAM):
            patches_by_team[team].append(patch)
    return FleetTrends(
        tuple(_list_points(patches, since, now)),
        summarise_patches(patches, PatchGrouping.SEVERITY, since, now),
        by_team,
        tuple(TeamTrend(each.group, tuple(_list_points(patches_by_team[each.group], since, now))) for each in by_team),
        summarise_patches(patches, PatchGrouping.STAGE, since, now),
    )


def _list_points(patches: Sequence[Patch], since: datetime, now: datetime) -> Iterator[TrendPoint]:
    for index in range(POINTS):
        at = since + (now - since) * index / (POINTS - 1)
        waiting = [patch for patch in patches if _waits(patch, at)]
        merged = [
            patch for patch in patches if patch.patched_at is not None and at - MEDIAN_PERIOD < patch.patched_at <= at
        ]
        exploited = sum(patch.severity is FixSeverity.EXPLOITED for patch in waiting)
        overdue = sum(patch.request.due_at is not None and patch.request.due_at <= at for patch in waiting)
        yield TrendPoint(
            at=at,
            open=len(waiting),
            exploited_open=exploited,
            overdue=overdue,
            median=_find_median(patch.wait for patch in merged),
            published_median=_find_median(patch.wait_since_published for patch in merged),
        )


def _find_median(waits: Iterable[timedelta | None]) -> timedelta | None:
    return find_percentile([each for each in waits if each is not None], 0.5)


def _waits(patch: Patch, at: datetime) -> bool:
    return patch.available_at <= at and (patch.patched_at is None or at < patch.patched_at)
