"""Renders the output of `report --since`: how long a fleet took to merge fixes of vulnerabilities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.markdown import make_console_line
from bot.model.patch_times import Patch, PatchGrouping, PatchSummary
from bot.model.report import SCHEMA
from bot.model.usage import InventoryCoverage
from bot.reports._inventory_parts import (
    build_branch,
    build_coverage,
    count_seconds,
    count_things,
    describe_coverage,
    describe_duration,
)
from bot.reports._table import Column, render_table
from bot.reports.csv_text import Cell, render_csv
from bot.reports.json_text import JsonValue, format_time, render_json
from bot.reports.styled_lines import Line, Style, StyledLine, join_blocks

_TITLES = {
    PatchGrouping.ALL: "All fixes",
    PatchGrouping.SEVERITY: "By the most severe vulnerability",
    PatchGrouping.TEAM: "By team",
    PatchGrouping.REPOSITORY: "By repository, slowest first",
    PatchGrouping.MONTH: "By month of the merge",
}
_COLUMNS = ("by", "group", "merged", "median_seconds", "percentile_90_seconds", "open", "oldest_open_seconds")
_HEADINGS = (
    *(Column("group"), Column("merged"), Column("median"), Column("9 of 10 within"), Column("open")),
    Column("oldest open"),
)


@dataclass(frozen=True, slots=True)
class PatchReport:
    """The fixes that were merged in a period, or that wait, and their summaries."""

    since: datetime
    now: datetime
    patches: Sequence[Patch]
    summaries: Mapping[PatchGrouping, Sequence[PatchSummary]]
    coverage: InventoryCoverage


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
            "patches": [_build_patch(each) for each in report.patches],
        }
    )


def render_patch_csv(report: PatchReport) -> str:
    """Return the output of `report --since … --format csv`: all tables, which differ in the first column."""
    rows = (_build_row(grouping, each) for grouping, group in report.summaries.items() for each in group)
    return render_csv(_COLUMNS, rows)


def render_patch_lines(report: PatchReport, screen_width: int | None) -> list[Line]:
    """Return the text output of `report --since`: a table for each grouping."""
    merged = sum(each.patched_at is not None for each in report.patches)
    waiting = len(report.patches) - merged
    days = (report.now - report.since).days
    title = f"{count_things(merged, 'fix', 'fixes')} merged in {count_things(days, 'day', 'days')}, {waiting} waiting."
    tables = (
        [StyledLine("", _TITLES[grouping], Style.UPDATE), *_render_table(_sort(grouping, group), screen_width)]
        for grouping, group in report.summaries.items()
        if group
    )
    coverage = list(describe_coverage(report.coverage, report.now))
    started_at = report.coverage.first_read_at
    if started_at is not None and started_at > report.since:
        coverage.insert(0, f"The state begins on {started_at:%Y-%m-%d}, so earlier fixes are not known.")
    return join_blocks([title], *tables, coverage)


def _render_table(summaries: Sequence[PatchSummary], screen_width: int | None) -> Iterator[Line]:
    rows = [
        (
            make_console_line(each.group),
            str(each.patched),
            _format_duration(each.median),
            _format_duration(each.percentile_90),
            str(each.open),
            _format_duration(each.oldest_open),
        )
        for each in summaries
    ]
    return render_table(_HEADINGS, rows, screen_width)


def _sort(grouping: PatchGrouping, summaries: Sequence[PatchSummary]) -> Sequence[PatchSummary]:
    """Return the summaries in the order of the text, which shows only the first rows of a long table."""
    if grouping is not PatchGrouping.REPOSITORY:
        return summaries
    return sorted(
        summaries, key=lambda each: (each.oldest_open or timedelta(), each.percentile_90 or timedelta()), reverse=True
    )


def _format_duration(duration: timedelta | None) -> str:
    return describe_duration(duration.total_seconds()) if duration is not None else "-"


def _build_summary(grouping: PatchGrouping, summary: PatchSummary) -> JsonValue:
    return dict(zip(_COLUMNS, _build_row(grouping, summary), strict=True))


def _build_row(grouping: PatchGrouping, summary: PatchSummary) -> list[Cell]:
    return [
        grouping.value,
        summary.group,
        summary.patched,
        count_seconds(summary.median),
        count_seconds(summary.percentile_90),
        summary.open,
        count_seconds(summary.oldest_open),
    ]


def _build_patch(patch: Patch) -> JsonValue:
    return {
        **build_branch(patch.key),
        "image": patch.image,
        "severity": patch.severity.value,
        "available_at": format_time(patch.available_at),
        "patched_at": format_time(patch.patched_at),
        "merged_by_basebump": patch.is_merged_by_basebump,
        "owners": list(patch.owners),
        "request": {"number": patch.request.number, "url": patch.request.url},
    }
