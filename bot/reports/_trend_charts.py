"""Builds the lines of the fleet page: numbers over time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from bot.core.markdown import make_console_line
from bot.model.patch_times import FleetTrends, PatchSummary
from bot.reports._inventory_parts import describe_duration

WIDTH, HEIGHT = 300, 80
"""The size of the drawing area of a chart, in the units of its `viewBox`."""
MAX_TEAMS = 20
"""The maximum number of teams that the page lists."""
NOTHING_MERGED = "no fix was merged"
NOTHING_MERGED_RECENTLY = "none merged recently"
"""The words for medians of no fixes."""


@dataclass(frozen=True, slots=True)
class TrendLine:
    """A line chart with its highest and its last value."""

    title: str
    highest: str
    """For example `at most 4 days`."""
    last: str
    """For example `3 days now`."""
    segments: tuple[str, ...]
    """The points of the line as `x,y x,y …`. The line has gaps where the value is not known."""
    severity: str = ""
    """The severity that the numbers are about, which determines the colour; empty if they are about several."""


@dataclass(frozen=True, slots=True)
class TrendTable:
    """A table of times to patch."""

    title: str
    rows: tuple[tuple[str, ...], ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class TrendSection:
    """The section of the page about fixes over time."""

    start: datetime
    end: datetime
    lines: tuple[TrendLine, ...]
    tables: tuple[TrendTable, ...]


def build_trend_section(trends: FleetTrends) -> TrendSection:
    """Return the values of the section. `trends` has at least two points."""
    points = trends.points
    waiting = [float(point.open) for point in points]
    exploited = [float(point.exploited_open) for point in points]
    overdue = [float(point.overdue) for point in points]
    medians = [point.median.total_seconds() if point.median is not None else None for point in points]
    lines = (
        _build_line("Waiting fixes", waiting, _describe_count),
        _build_line("Waiting fixes of exploited vulnerabilities", exploited, _describe_count, "exploited"),
        *([_build_line("Overdue fixes", overdue, _describe_count, "critical")] if any(overdue) else []),
        _build_line("Median time to patch", medians, describe_duration),
    )
    tables = (
        _build_table("Time to patch by the most severe vulnerability", trends.by_severity),
        _build_table("Time to patch by team", trends.by_team),
    )
    return TrendSection(points[0].at, points[-1].at, lines, tuple(each for each in tables if each.rows))


def _build_line(
    title: str, values: Sequence[float | None], describe: Callable[[float], str], severity: str = ""
) -> TrendLine:
    known = [value for value in values if value is not None]
    highest, last = max(known, default=0.0), values[-1]
    return TrendLine(
        title=title,
        highest=f"at most {describe(highest)}" if known else NOTHING_MERGED,
        last=f"{describe(last)} now" if last is not None else NOTHING_MERGED_RECENTLY,
        segments=tuple(_list_segments(values, highest or 1.0)),
        severity=severity,
    )


def _list_segments(values: Sequence[float | None], highest: float) -> Iterator[str]:
    """Yield the points of each part of the line in which all values are known."""
    step = WIDTH / (len(values) - 1)
    for is_known, group in groupby(enumerate(values), key=lambda each: each[1] is not None):
        if is_known:
            yield " ".join(f"{index * step:.1f},{HEIGHT * (1 - (value or 0) / highest):.1f}" for index, value in group)


def _build_table(title: str, summaries: Sequence[PatchSummary]) -> TrendTable:
    rows = tuple(
        (
            make_console_line(each.group),
            f"{each.patched:,}",
            _describe_time(each.median),
            _describe_time(each.percentile_90),
            f"{each.open:,}",
            _describe_time(each.oldest_open),
        )
        for each in summaries[:MAX_TEAMS]
    )
    return TrendTable(title, rows, max(0, len(summaries) - MAX_TEAMS))


def _describe_count(value: float) -> str:
    return f"{value:,.0f}"


def _describe_time(time: timedelta | None) -> str:
    return describe_duration(time.total_seconds()) if time is not None else ""
