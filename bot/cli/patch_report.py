"""The part of `basebump report` that shows how long fixes waited, from the state alone."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.outputs import read_page_parts
from bot.cli.screen import find_screen_width, show_lines

if TYPE_CHECKING:
    from bot.reports.fleet.patch_times import PatchReport
    from bot.reports.parts.stage_section import StageReport
    from bot.wiring.inventory import StoredFleet


FORMATS = ("text", "json", "csv", "trends-csv", "html")
"""The formats of `report --since` without files."""


def render_patch_report(config_file: Path, period: timedelta, output_format: str, *, is_for_file: bool) -> str:
    """Render the times to patch of a period that ends now, in one of FORMATS.

    Raises StateError if the state cannot be read.
    """
    from bot.wiring.inventory import open_fleet

    report = load_patch_report(open_fleet(config_file), period)
    match output_format:
        case "json":
            from bot.reports.fleet.patch_times import render_patch_document

            return render_patch_document(report)
        case "csv":
            from bot.reports.fleet.patch_times import render_patch_csv

            return render_patch_csv(report)
        case "trends-csv":
            from bot.reports.fleet.patch_times import render_trend_csv

            return render_trend_csv(report)
        case "html":
            from bot.reports.page.fleet_html import render_fixes_page

            return render_fixes_page(report.trends, read_page_parts(), report.stages, report.exposure)
        case _:
            return _render_text(report, is_for_file=is_for_file)


def _render_text(report: PatchReport, *, is_for_file: bool) -> str:
    from bot.reports.fleet.patch_times import render_patch_lines
    from bot.reports.parts.styled_lines import join_lines

    if is_for_file:
        return join_lines(render_patch_lines(report, None))
    return show_lines(render_patch_lines(report, find_screen_width(sys.stdout)), sys.stdout)


def load_stages(fleet: StoredFleet) -> StageReport | None:
    """Return how far the updates of a fleet got; None if the config has neither builds nor clusters.

    Raises StateError if the state cannot be read.
    """
    from bot.reports.fleet.stored_answers import answer_stages

    has_more = fleet.stages.load_scope().has_more_than_merges
    return answer_stages(fleet.stages.load_fleet_facts(), datetime.now(UTC)) if has_more else None


def load_patch_report(fleet: StoredFleet, period: timedelta) -> PatchReport:
    """Return the times to patch of a period that ends now, how far updates got, and the last summary of the exposure.

    The summary includes private findings, because only users with access to the state run this command.

    Raises StateError if the state cannot be read.
    """
    from bot.core.inventory.trends import MEDIAN_PERIOD
    from bot.reports.fleet.stored_answers import build_patch_report

    now = datetime.now(UTC)
    since = now - period
    history = fleet.inventory.load_patch_history(since - MEDIAN_PERIOD)
    facts = fleet.stages.load_fleet_facts() if fleet.stages.load_scope().has_more_than_merges else None
    report = build_patch_report(history, fleet.inventory.load_coverage(), since, now, facts)
    stored = fleet.exposure_summaries.load_last_summary()
    return replace(report, exposure=(stored.private or stored.shared) if stored is not None else None)
