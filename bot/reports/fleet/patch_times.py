"""Renders the output of `report --since`: how long a fleet took to merge fixes for vulnerabilities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.inventory.patch_times import ALL_PATCHES
from bot.core.markdown import make_console_line
from bot.model.exposure_summary import ExposureSummary
from bot.model.patch_times import FleetTrends, Patch, PatchGrouping, PatchSummary, TrendPoint, WaitSummary
from bot.model.report import SCHEMA
from bot.model.update_stages import UpdateStage
from bot.model.usage import InventoryCoverage
from bot.reports.fleet.stage_documents import build_fleet_stages
from bot.reports.parts.csv_text import Cell, render_csv
from bot.reports.parts.inventory_document import (
    build_branch,
    build_coverage,
    count_seconds,
    count_things,
    describe_coverage,
    describe_duration,
)
from bot.reports.parts.json_text import JsonValue, format_time, render_json
from bot.reports.parts.publisher_tables import build_publisher_documents, render_publisher_tables
from bot.reports.parts.stage_section import StageReport
from bot.reports.parts.styled_lines import Line, Style, StyledLine, join_blocks
from bot.reports.parts.text_table import Column, render_table

_TITLES = {
    PatchGrouping.ALL: "All fixes",
    PatchGrouping.SEVERITY: "By the most severe vulnerability",
    PatchGrouping.TEAM: "By team",
    PatchGrouping.REPOSITORY: "By repository, slowest first",
    PatchGrouping.MONTH: "By month of the merge",
    PatchGrouping.STAGE: "Until each stage",
}
_PUBLISHED_TITLES = {
    PatchGrouping.ALL: "All fixes, since the fix was published",
    PatchGrouping.SEVERITY: "By the most severe vulnerability, since the fix was published",
    PatchGrouping.TEAM: "By team, since the fix was published",
}
"""The groupings for which the text has a table of the times since the publication. Other groupings have none, so that
the text stays short.
"""
_STAGE_TITLES = {
    PatchGrouping.SEVERITY: "By the most severe vulnerability, median until each stage (and waiting fixes)",
    PatchGrouping.TEAM: "By team, median until each stage (and waiting fixes)",
}
"""The groupings for which the text has a table of the times until each stage."""
_STAGE_DROP_RANKS = {UpdateStage.PROPOSED: 0, UpdateStage.MERGED: 1}
"""The columns that are left out first on a narrow terminal, because other tables also contain the times until the
merge.
"""
_WAIT_COLUMNS = ("merged", "median_seconds", "percentile_90_seconds", "open", "oldest_open_seconds")
_STAGE_WAIT_COLUMNS = ("reached", "median_seconds", "percentile_90_seconds", "waiting", "oldest_waiting_seconds")
_COLUMNS = ("by", "group", *_WAIT_COLUMNS, *(f"published_{name}" for name in _WAIT_COLUMNS))
_CSV_STAGES = tuple(stage for stage in UpdateStage if stage is not UpdateStage.MERGED)
"""The stages that have separate columns in CSV. The columns without a prefix are about the merge."""
_CSV_COLUMNS = (*_COLUMNS, *(f"{stage.value}_{name}" for stage in _CSV_STAGES for name in _STAGE_WAIT_COLUMNS))
_POINT_COLUMNS = ("at", "open", "exploited_open", "overdue", "median_seconds", "published_median_seconds")
_HEADINGS = (
    *(Column("group"), Column("merged"), Column("median"), Column("9 of 10 within"), Column("open")),
    Column("oldest open"),
)
_STAGE_HEADINGS = (
    *(Column("stage"), Column("reached"), Column("median"), Column("9 of 10 within"), Column("waiting")),
    Column("oldest"),
)


@dataclass(frozen=True, slots=True)
class PatchReport:
    """The fixes that were merged in a period, the fixes that still wait, and summaries of these fixes."""

    since: datetime
    now: datetime
    patches: Sequence[Patch]
    summaries: Mapping[PatchGrouping, Sequence[PatchSummary]]
    coverage: InventoryCoverage
    trends: FleetTrends | None = None
    """The fixes over time; None if the state contains no visit yet."""
    stages: StageReport | None = None
    """How far the updates of the fleet got; None if the config has neither builds nor clusters."""
    exposure: ExposureSummary | None = None
    """The last summary of the fleet's exposure; None if the state has none."""


def render_patch_document(report: PatchReport) -> str:
    """Return the output of `report --since … --format json`."""
    return render_json(
        {
            "schema": SCHEMA,
            "since": format_time(report.since),
            "coverage": build_coverage(report.coverage),
            "summaries": [
                _build_summary(grouping, each) for grouping, group in report.summaries.items() for each in group
            ],
            "trends": [
                {
                    "by": by,
                    "group": group,
                    "points": [dict(zip(_POINT_COLUMNS, _build_point(each), strict=True)) for each in points],
                }
                for by, group, points in _list_trends(report.trends)
            ],
            "patches": [_build_patch(each) for each in report.patches],
            "stages": build_fleet_stages(report.stages) if report.stages is not None else None,
            **(build_publisher_documents(report.exposure) if report.exposure is not None else {}),
        }
    )


def render_patch_csv(report: PatchReport) -> str:
    """Return the output of `report --since … --format csv`: all tables in one. The first column names the table."""
    rows = (
        [*_build_row(grouping, each), *_list_stage_cells(each)]
        for grouping, group in report.summaries.items()
        for each in group
    )
    return render_csv(_CSV_COLUMNS, rows)


def render_trend_csv(report: PatchReport) -> str:
    """Return the output of `report --since … --format trends-csv`: the trends of the fleet and of each team."""
    rows = ((by, group, *_build_point(each)) for by, group, points in _list_trends(report.trends) for each in points)
    return render_csv(("by", "group", *_POINT_COLUMNS), rows)


def render_patch_lines(report: PatchReport, screen_width: int | None) -> list[Line]:
    """Return the text output of `report --since`: a table for each grouping."""
    merged = sum(each.patched_at is not None for each in report.patches)
    waiting = len(report.patches) - merged
    days = (report.now - report.since).days
    title = f"{count_things(merged, 'fix', 'fixes')} merged in {count_things(days, 'day', 'days')}, {waiting} waiting."
    tables = [
        [
            StyledLine("", _TITLES[grouping], Style.UPDATE),
            *_render_table(
                [(each.group, each.since_seen) for each in _sort(grouping, group)],
                screen_width,
                _STAGE_HEADINGS if grouping is PatchGrouping.STAGE else _HEADINGS,
            ),
        ]
        for grouping, group in report.summaries.items()
        if group
    ]
    coverage = list(describe_coverage(report.coverage, report.now))
    started_at = report.coverage.first_read_at
    if started_at is not None and started_at > report.since:
        coverage.insert(0, f"The state begins on {started_at:%Y-%m-%d}, so earlier fixes are not known.")
    return join_blocks(
        [title],
        *tables,
        *_render_stage_tables(report, screen_width),
        *_render_published_tables(report, screen_width),
        *(render_publisher_tables(report.exposure, screen_width) if report.exposure is not None else ()),
        coverage,
    )


def _render_stage_tables(report: PatchReport, screen_width: int | None) -> Iterator[list[Line]]:
    """Yield the tables of the times until each stage; nothing if the config has neither builds nor clusters."""
    for grouping, title in _STAGE_TITLES.items():
        rows = report.summaries.get(grouping, ())
        stages = [stage for stage in UpdateStage if any(stage in each.until_stages for each in rows)]
        if stages:
            headings = (Column("group"), *(Column(stage.value, _STAGE_DROP_RANKS.get(stage)) for stage in stages))
            cells = [
                (each.group, *(_describe_stage(each.until_stages.get(stage)) for stage in stages)) for each in rows
            ]
            yield [StyledLine("", title, Style.UPDATE), *render_table(headings, cells, screen_width)]


def _describe_stage(waits: WaitSummary | None) -> str:
    """Return the median time until a stage and, in brackets, the number of fixes that wait for this stage."""
    if waits is None:
        return "unknown"
    median = _format_duration(waits.median)
    return f"{median} ({waits.open})" if waits.open else median


def _render_published_tables(report: PatchReport, screen_width: int | None) -> Iterator[list[Line]]:
    """Yield the tables of the times since the publication, and the number of fixes whose publication is known."""
    known = sum(each.published_at is not None for each in report.patches)
    if not known:
        return
    yield [f"For {known} of these {len(report.patches)} fixes, the scanner states when they were published:"]
    for grouping, title in _PUBLISHED_TITLES.items():
        rows = [
            (each.group, each.since_published)
            for each in report.summaries.get(grouping, ())
            if each.since_published.fixes
        ]
        if rows:
            yield [StyledLine("", title, Style.UPDATE), *_render_table(rows, screen_width)]


def _render_table(
    groups: Sequence[tuple[str, WaitSummary]], screen_width: int | None, headings: Sequence[Column] = _HEADINGS
) -> Iterator[Line]:
    rows = [
        (
            make_console_line(group),
            str(waits.merged),
            _format_duration(waits.median),
            _format_duration(waits.percentile_90),
            str(waits.open),
            _format_duration(waits.oldest_open),
        )
        for group, waits in groups
    ]
    return render_table(headings, rows, screen_width)


def _sort(grouping: PatchGrouping, summaries: Sequence[PatchSummary]) -> Sequence[PatchSummary]:
    """Return the summaries in the order in which the text shows them.

    The text shows only the first rows of a long table.
    """
    if grouping is not PatchGrouping.REPOSITORY:
        return summaries
    return sorted(summaries, key=_get_slowness, reverse=True)


def _get_slowness(summary: PatchSummary) -> tuple[timedelta, timedelta]:
    waits = summary.since_seen
    return waits.oldest_open or timedelta(), waits.percentile_90 or timedelta()


def _format_duration(duration: timedelta | None) -> str:
    return describe_duration(duration.total_seconds()) if duration is not None else "-"


def _build_summary(grouping: PatchGrouping, summary: PatchSummary) -> JsonValue:
    stages = {
        stage.value: dict(zip(_STAGE_WAIT_COLUMNS, _list_wait_cells(waits), strict=True))
        for stage, waits in summary.until_stages.items()
    }
    return {**dict(zip(_COLUMNS, _build_row(grouping, summary), strict=True)), "stages": stages}


def _list_stage_cells(summary: PatchSummary) -> Iterator[Cell]:
    """Yield the cells of the columns of _CSV_STAGES. The cells are empty if nothing is known."""
    for stage in _CSV_STAGES:
        waits = summary.until_stages.get(stage)
        yield from _list_wait_cells(waits) if waits is not None else [None] * len(_STAGE_WAIT_COLUMNS)


def _build_row(grouping: PatchGrouping, summary: PatchSummary) -> list[Cell]:
    return [
        grouping.value,
        summary.group,
        *_list_wait_cells(summary.since_seen),
        *_list_wait_cells(summary.since_published),
    ]


def _list_wait_cells(waits: WaitSummary) -> list[Cell]:
    return [
        waits.merged,
        count_seconds(waits.median),
        count_seconds(waits.percentile_90),
        waits.open,
        count_seconds(waits.oldest_open),
    ]


def _list_trends(trends: FleetTrends | None) -> Iterator[tuple[str, str, Sequence[TrendPoint]]]:
    """Yield the grouping, the group and the points of each trend.

    The trend of the fleet comes before those of teams.
    """
    if trends is not None:
        yield PatchGrouping.ALL.value, ALL_PATCHES, trends.points
        for each in trends.teams:
            yield PatchGrouping.TEAM.value, each.team, each.points


def _build_point(point: TrendPoint) -> list[Cell]:
    return [
        format_time(point.at),
        point.open,
        point.exploited_open,
        point.overdue,
        count_seconds(point.median),
        count_seconds(point.published_median),
    ]


def _build_patch(patch: Patch) -> JsonValue:
    return {
        **build_branch(patch.key),
        "image": patch.image,
        "severity": patch.severity.value,
        "available_at": format_time(patch.available_at),
        "patched_at": format_time(patch.patched_at),
        "ends": {stage.value: format_time(at) for stage, at in patch.ends.items()},
        "published_at": format_time(patch.published_at),
        "merged_by_basebump": patch.is_merged_by_basebump,
        "owners": list(patch.owners),
        "request": {"number": patch.request.number, "url": patch.request.url},
    }
