"""Renders the exposure of a fleet as metrics in Prometheus' text format.

No label names a vulnerability, and private findings are left out. The label `image` names at most MAX_PUBLISHERS
repositories of images; all other labels have a fixed set of values.
"""

from __future__ import annotations

from collections.abc import Iterator

from bot.model.exposure import FixPlace
from bot.model.exposure_summary import ExposureFigures, ExposureSummary
from bot.reports.parts.exposure_lines import UPSTREAM
from bot.reports.parts.prometheus_text import Labels, render_family

UNKNOWN_FIX = "unknown"
"""The place of a fix if the newest digest of the tag was not scanned with the same database."""

MAX_PUBLISHERS = 50
"""The number of images with a metric. Those with the most fixes are kept."""


def render_exposure_metrics(summary: ExposureSummary) -> Iterator[str]:
    """Yield the lines of all metrics about the exposure. `summary` must not contain private findings."""
    yield from render_family(
        "exposed_images",
        "Distinct digests in use with vulnerabilities of a severity, by where their fixes exist.",
        [(_build_labels(each), each.images) for each in summary.figures],
    )
    yield from render_family(
        "oldest_fix_timestamp_seconds",
        "Publication of the oldest fix that images in use lack.",
        [
            (_build_labels(each), each.oldest_fix.timestamp())
            for each in summary.figures
            if each.oldest_fix is not None and each.fix is not FixPlace.NO_FIX
        ],
    )
    yield from render_family(
        "publisher_lag_seconds",
        "Median time from the publication of a fix to the first digest with it.",
        [
            ({"image": each.repository, "fixes": each.distribution or UPSTREAM}, each.median.total_seconds())
            for each in summary.publishers[:MAX_PUBLISHERS]
            if each.median is not None
        ],
    )
    coverage = summary.coverage
    yield from render_family("digests_in_use", "Distinct digests in use.", [({}, coverage.digests_in_use)])
    yield from render_family(
        "known_digests", "Digests in use whose vulnerabilities are known.", [({}, coverage.known_digests)]
    )
    if coverage.matched_at is not None:
        yield from render_family(
            "matched_timestamp_seconds",
            "The earliest time of the last match of a known digest.",
            [({}, coverage.matched_at.timestamp())],
        )


def _build_labels(figures: ExposureFigures) -> Labels:
    fix = figures.fix.value if figures.fix is not None else UNKNOWN_FIX
    return {"severity": figures.exposure_class.value, "fix": fix}
