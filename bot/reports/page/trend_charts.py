"""Builds the part of pages about fixes over time: line charts of the whole fleet and of each team, and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from bot.core.markdown import make_console_line
from bot.model.patch_times import FleetTrends, PatchSummary, TrendPoint, WaitSummary
from bot.model.update_stages import UpdateStage
from bot.reports.parts.inventory_document import describe_duration

WIDTH, HEIGHT = 300, 80
"""The size of the drawing area of a chart, in the units of its `viewBox`."""
TEAM_WIDTH, TEAM_HEIGHT = 120, 24
"""The size of the drawing area of one team's line chart."""
MAX_TEAMS = 20
"""The maximum number of teams that the page lists."""
NOTHING_MERGED = "no fix was merged"
NOTHING_MERGED_RECENTLY = "none merged recently"
"""The texts that replace a median if there are no fixes."""

Values = Sequence[float | None]


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
    """The severity that the numbers are about, which determines the colour; empty if the numbers are about several
    severities.
    """
    has_values: bool = True
    """False if all values are 0 or unknown."""


@dataclass(frozen=True, slots=True)
class TeamTrends:
    """The line charts of several teams, as a table with a row for each team.

    All charts of a column have the same scale.
    """

    columns: tuple[tuple[str, str], ...]
    """The title of each column and its scale, such as `up to 4 days`."""
    rows: tuple[tuple[str, tuple[TrendLine, ...]], ...]
    """The name of each team, with its line chart for each column."""
    left_out: int


@dataclass(frozen=True, slots=True)
class TrendTable:
    """A table of times to patch."""

    title: str
    columns: tuple[str, ...]
    """The titles of all columns after the first one."""
    rows: tuple[tuple[str, ...], ...]
    left_out: int
    has_publications: bool = False
    """True if the second half of the columns contains the times since the fixes were published."""
    has_cards: bool = False
    """True if a narrow screen shows each row as a list, so that nobody has to scroll sideways."""


@dataclass(frozen=True, slots=True)
class TrendSection:
    """The section of the page about fixes over time."""

    start: datetime
    end: datetime
    lines: tuple[TrendLine, ...]
    teams: TeamTrends
    tables: tuple[TrendTable, ...]


@dataclass(frozen=True, slots=True)
class _Measure:
    """A number that changes over time."""

    title: str
    team_title: str
    """A shorter title, for a column of the teams' charts."""
    get_value: Callable[[TrendPoint], float | None]
    describe: Callable[[float], str]
    severity: str = ""


def build_trend_section(trends: FleetTrends) -> TrendSection:
    """Return the values of the section. `trends` must have at least two points."""
    points, measures = trends.points, _list_measures(trends.points)
    teams = sorted(trends.by_team, key=_get_team_order)
    tables = (
        _build_table("Time to patch by the most severe vulnerability", trends.by_severity),
        _build_table("Time to patch by team", teams),
        _build_table("Time to patch until each stage", trends.by_stage, "Reached"),
        _build_stage_table("Median time until each stage by the most severe vulnerability", trends.by_severity),
        _build_stage_table("Median time until each stage by team", teams),
    )
    return TrendSection(
        start=points[0].at,
        end=points[-1].at,
        lines=tuple(_build_line(each, points, each.title) for each in measures),
        teams=_build_team_trends(trends, [each.group for each in teams], measures),
        tables=tuple(each for each in tables if each.rows),
    )


def _list_measures(points: Sequence[TrendPoint]) -> tuple[_Measure, ...]:
    """Return the measures that the page shows.

    Some measures are shown only if their values are not all 0 or unknown.
    """
    waiting = _Measure("Waiting fixes", "Waiting", lambda point: point.open, _describe_count)
    exploited = _Measure(
        "Waiting fixes of exploited vulnerabilities",
        "Exploited",
        lambda point: point.exploited_open,
        _describe_count,
        "exploited",
    )
    overdue = _Measure("Overdue fixes", "Overdue", lambda point: point.overdue, _describe_count)
    median = _Measure("Median time to patch", "Median", lambda point: _count_seconds(point.median), describe_duration)
    published = _Measure(
        "Median time to patch since the publication of the fix",
        "Median since published",
        lambda point: _count_seconds(point.published_median),
        describe_duration,
    )
    return (
        waiting,
        exploited,
        *([overdue] if any(point.overdue for point in points) else []),
        median,
        *([published] if any(point.published_median is not None for point in points) else []),
    )


def _build_team_trends(trends: FleetTrends, order: Sequence[str], measures: Sequence[_Measure]) -> TeamTrends:
    points_by_team: Mapping[str, Sequence[TrendPoint]] = {each.team: each.points for each in trends.teams}
    teams = [team for team in order if team in points_by_team]
    shown = teams[:MAX_TEAMS]
    scales = {
        measure.team_title: max(
            (value for team in shown for value in map(measure.get_value, points_by_team[team]) if value is not None),
            default=0.0,
        )
        for measure in measures
    }
    columns = [measure for measure in measures if scales[measure.team_title] > 0]
    return TeamTrends(
        columns=tuple((each.team_title, f"up to {each.describe(scales[each.team_title])}") for each in columns),
        rows=tuple(
            (
                make_console_line(team),
                tuple(
                    _build_line(
                        each,
                        points_by_team[team],
                        f"{each.title} of {make_console_line(team)}",
                        scales[each.team_title],
                        (TEAM_WIDTH, TEAM_HEIGHT),
                    )
                    for each in columns
                ),
            )
            for team in shown
        ),
        left_out=len(teams) - len(shown),
    )


def _build_line(
    measure: _Measure,
    points: Sequence[TrendPoint],
    title: str,
    scale: float | None = None,
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> TrendLine:
    """Return the line chart of a measure. `scale` is the value at the upper edge; None means the highest value."""
    values = [measure.get_value(point) for point in points]
    known = [value for value in values if value is not None]
    highest, last = max(known, default=0.0), values[-1]
    return TrendLine(
        title=title,
        highest=f"at most {measure.describe(highest)}" if known else NOTHING_MERGED,
        last=f"{measure.describe(last)} now" if last is not None else NOTHING_MERGED_RECENTLY,
        segments=tuple(_list_segments(values, scale or highest or 1.0, size)),
        severity=measure.severity,
        has_values=highest > 0,
    )


def _list_segments(values: Values, scale: float, size: tuple[int, int]) -> Iterator[str]:
    """Yield the points of each part of the line in which all values are known."""
    width, height = size
    step = width / (len(values) - 1)
    for is_known, group in groupby(enumerate(values), key=lambda each: each[1] is not None):
        if is_known:
            yield " ".join(f"{index * step:.1f},{height * (1 - (value or 0) / scale):.1f}" for index, value in group)


def _build_table(title: str, summaries: Sequence[PatchSummary], reached: str = "Merged") -> TrendTable:
    has_publications = any(each.since_published.fixes for each in summaries)
    rows = tuple(
        (
            make_console_line(each.group),
            *_list_cells(each.since_seen),
            *(_list_cells(each.since_published) if has_publications else ()),
        )
        for each in summaries[:MAX_TEAMS]
    )
    columns = (reached, "Median", "9 of 10 within", "Waiting", "Oldest") * (2 if has_publications else 1)
    return TrendTable(title, columns, rows, max(0, len(summaries) - MAX_TEAMS), has_publications)


def _build_stage_table(title: str, summaries: Sequence[PatchSummary]) -> TrendTable:
    """Return the table of the times until each stage. The table has no rows if nothing is known about stages."""
    stages = [stage for stage in UpdateStage if any(stage in each.until_stages for each in summaries)]
    rows = tuple(
        (make_console_line(each.group), *(_describe_stage(each.until_stages.get(stage)) for stage in stages))
        for each in (summaries[:MAX_TEAMS] if stages else ())
    )
    columns = tuple(stage.value.capitalize() for stage in stages)
    return TrendTable(title, columns, rows, max(0, len(summaries) - MAX_TEAMS), has_cards=True)


def _describe_stage(waits: WaitSummary | None) -> str:
    """Return the median time until a stage, and the number of fixes that wait for this stage."""
    if waits is None:
        return "unknown"
    return ", ".join(filter(None, (_describe_time(waits.median), f"{waits.open:,} waiting" if waits.open else "")))


def _list_cells(waits: WaitSummary) -> tuple[str, ...]:
    return (
        f"{waits.merged:,}",
        _describe_time(waits.median),
        _describe_time(waits.percentile_90),
        f"{waits.open:,}",
        _describe_time(waits.oldest_open),
    )


def _get_team_order(summary: PatchSummary) -> tuple[int, int, str]:
    """Return the key that sorts teams by their waiting fixes, then by all their fixes, largest numbers first."""
    return -summary.since_seen.open, -summary.since_seen.fixes, summary.group


def _count_seconds(duration: timedelta | None) -> float | None:
    return duration.total_seconds() if duration is not None else None


def _describe_count(value: float) -> str:
    return f"{value:,.0f}"


def _describe_time(time: timedelta | None) -> str:
    return describe_duration(time.total_seconds()) if time is not None else ""
