"""The part of `basebump report` that answers how long fixes waited, from the state alone."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.screen import find_screen_width, show_lines

if TYPE_CHECKING:
    from bot.model.patch_times import FleetTrends
    from bot.reports.patch_times import PatchReport


def render_patch_report(config_file: Path, period: timedelta, output_format: str, *, is_for_file: bool) -> str:
    """Return the times to patch of a period that ends now, as `text`, `json` or `csv`. Raises StateError."""
    from bot.reports.patch_times import render_patch_csv, render_patch_document, render_patch_lines
    from bot.reports.styled_lines import join_lines

    report = _build_report(config_file, period)
    if output_format == "json":
        return render_patch_document(report)
    if output_format == "csv":
        return render_patch_csv(report)
    if is_for_file:
        return join_lines(render_patch_lines(report, None))
    return show_lines(render_patch_lines(report, find_screen_width(sys.stdout)), sys.stdout)


def load_trends(config_file: Path, period: timedelta) -> FleetTrends | None:
    """Return the fixes over a period that ends now; None if the state contains no visit yet. Raises StateError."""
    from bot.core.inventory.patch_times import find_patches
    from bot.core.inventory.trends import MEDIAN_PERIOD, build_trends
    from bot.wiring.inventory import open_inventory

    inventory, now = open_inventory(config_file), datetime.now(UTC)
    started_at = inventory.load_coverage().first_read_at
    if started_at is None:
        return None
    since = max(now - period, started_at)
    return build_trends(find_patches(inventory.load_patch_history(since - MEDIAN_PERIOD)), since, now)


def _build_report(config_file: Path, period: timedelta) -> PatchReport:
    from bot.core.inventory.patch_times import find_patches, summarise_patches
    from bot.model.patch_times import PatchGrouping
    from bot.reports.patch_times import PatchReport
    from bot.wiring.inventory import open_inventory

    inventory, now = open_inventory(config_file), datetime.now(UTC)
    since = now - period
    patches = [
        patch
        for patch in find_patches(inventory.load_patch_history(since))
        if patch.patched_at is None or patch.patched_at >= since
    ]
    summaries = {grouping: summarise_patches(patches, grouping, since, now) for grouping in PatchGrouping}
    return PatchReport(since, now, patches, summaries, inventory.load_coverage())
