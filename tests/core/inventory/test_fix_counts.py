"""What the updates of a request fix, and since when the fixes were published."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from support.values import finding, scan

from bot.core.evidence.compare import compare_scans
from bot.core.inventory.fix_counts import summarise_fixes
from bot.core.inventory.patch_times import get_fix_severity
from bot.model.evidence import FixDate, FixDateOrigin, Severity
from bot.model.patch_times import FixSeverity

EARLY, LATE = (datetime(2026, 11, day, tzinfo=UTC) for day in (3, 9))
LOW, HIGH, OTHER_HIGH, UNKNOWN = (
    finding("CVE-2026-0001", Severity.LOW, fix_date=FixDate.from_advisory(EARLY)),
    finding("CVE-2026-0002", Severity.HIGH, fix_date=FixDate.from_advisory(LATE)),
    finding("CVE-2026-0003", Severity.HIGH, fix_date=None),
    finding("CVE-2026-0004", Severity.UNKNOWN, fix_date=FixDate.from_advisory(EARLY)),
)


@pytest.mark.parametrize(
    ("fixed", "exploited", "severity", "published_at"),
    [
        ([], (), None, None),
        ([LOW, HIGH], (), FixSeverity.HIGH, LATE),
        ([LOW, HIGH], (LOW.id,), FixSeverity.EXPLOITED, EARLY),
        ([LOW, OTHER_HIGH], (), FixSeverity.HIGH, None),
        ([HIGH, OTHER_HIGH], (), FixSeverity.HIGH, LATE),
        ([HIGH, replace(OTHER_HIGH, fix_date=FixDate.from_advisory(EARLY))], (), FixSeverity.HIGH, EARLY),
        ([HIGH, replace(OTHER_HIGH, fix_date=FixDate(EARLY, FixDateOrigin.FIRST_SEEN))], (), FixSeverity.HIGH, EARLY),
        ([HIGH, replace(OTHER_HIGH, fix_date=FixDate(EARLY, FixDateOrigin.AT_LEAST))], (), FixSeverity.HIGH, LATE),
        ([UNKNOWN], (), FixSeverity.UNKNOWN, EARLY),
    ],
)
def test_publication_date_is_earliest_date_among_fixes_of_highest_severity(fixed, exploited, severity, published_at):
    found = summarise_fixes([replace(compare_scans(scan(*fixed), scan()), exploited_ids=frozenset(exploited))])
    assert (get_fix_severity(found.counts), found.published_at) == (severity, published_at)


def test_fixes_in_several_images_are_added_up_by_severity():
    found = summarise_fixes([compare_scans(scan(LOW), scan()), compare_scans(scan(LOW, HIGH), scan())])
    assert (found.counts["low"], found.counts["high"], found.published_at) == (1, 1, LATE)


def test_equality_and_order_of_findings_ignore_publication_date_of_fix():
    unpublished = replace(HIGH, fix_date=None)
    assert sorted([HIGH, unpublished]) == [unpublished, HIGH]
    assert len({HIGH, unpublished}) == 1
