"""The fixes of a fleet over time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from support.visits import NOW, WEB, build_request

from bot.core.inventory.trends import MEDIAN_PERIOD, POINTS, build_trends
from bot.model.patch_times import FixSeverity, Patch

DAY = timedelta(days=1)
SINCE = NOW - (POINTS - 1) * DAY


def build_patch(available: int, patched: int | None = None, severity: FixSeverity = FixSeverity.HIGH) -> Patch:
    """Return a fix that was available and merged so many days ago."""
    patched_at = NOW - patched * DAY if patched is not None else None
    return Patch(WEB, "python:3.12", severity, NOW - available * DAY, patched_at, ("@a",), build_request())


def test_fix_counts_as_open_from_availability_until_merge():
    points = build_trends([build_patch(10, 4), build_patch(6), build_patch(300, 200)], SINCE, NOW).points
    assert [point.at for point in points] == [SINCE + day * DAY for day in range(POINTS)]
    assert [point.open for point in points[-12:]] == [0, 1, 1, 1, 1, 2, 2, 1, 1, 1, 1, 1]


def test_open_fixes_of_exploited_vulnerabilities_are_also_counted_separately():
    points = build_trends([build_patch(3), build_patch(2, severity=FixSeverity.EXPLOITED)], SINCE, NOW).points
    assert [(point.open, point.exploited_open) for point in points[-4:]] == [(1, 0), (2, 1), (2, 1), (2, 1)]


def test_fix_counts_as_overdue_from_due_date_until_merge():
    late = replace(build_patch(10, 4), request=replace(build_request(), due_at=NOW - 6 * DAY))
    points = build_trends([late, build_patch(8)], SINCE, NOW).points
    assert [point.overdue for point in points[-9:]] == [0, 0, 1, 1, 0, 0, 0, 0, 0]


def test_median_covers_merges_of_the_previous_days_and_is_unknown_without_merges():
    points = build_trends([build_patch(50, 48), build_patch(49, 40)], SINCE, NOW).points
    assert [point.median for point in points[:5]] == [None, None, None, None, 2 * DAY]
    assert points[-1 - 40].median == 2 * DAY
    assert points[-1 - 40 + (MEDIAN_PERIOD // DAY) - 8].median == 9 * DAY
    assert points[-1].median is None


def test_trends_have_summaries_by_severity_and_team():
    trends = build_trends([build_patch(10, 4), build_patch(6), build_patch(300, 200)], SINCE, NOW)
    assert [(each.group, each.since_seen.merged, each.since_seen.open) for each in trends.by_severity] == [
        ("high", 1, 1)
    ]
    assert [each.group for each in trends.by_team] == ["@a"]


def test_each_team_has_trend_points_of_fixes_in_owned_repositories():
    both = replace(build_patch(3), owners=("@a", "@b"))
    trends = build_trends([build_patch(2), both, replace(build_patch(4), owners=())], SINCE, NOW)
    assert {each.team: [point.open for point in each.points[-5:]] for each in trends.teams} == {
        "(no owner)": [1, 1, 1, 1, 1],
        "@a": [0, 1, 2, 2, 2],
        "@b": [0, 1, 1, 1, 1],
    }


def test_median_since_publication_covers_only_fixes_with_publication_date():
    published = replace(build_patch(10, 4), published_at=NOW - 24 * DAY)
    last = build_trends([published, build_patch(9, 1)], SINCE, NOW).points[-1]
    assert (last.median, last.published_median) == (6 * DAY, 20 * DAY)
    assert build_trends([build_patch(9, 1)], SINCE, NOW).points[-1].published_median is None
