"""Which stored scans are outdated."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.visits import NOW, OLD, PYTHON

from bot.core.evidence.outdated_scans import find_scan, is_due
from bot.model.evidence import ScannerIdentity
from bot.model.exposed_images import ImageInUse, StoredScan

TRIVY = ScannerIdentity("trivy", "0.74.0", NOW)
SCAN = StoredScan("linux/amd64", TRIVY, False, "debian 12", NOW, None)
NEVER_SCANNED = replace(SCAN, matched_at=None, failed_at=NOW)


@pytest.mark.parametrize(
    ("scan", "scanner", "hours", "due"),
    [
        (None, TRIVY, 0, True),
        (SCAN, TRIVY, 1000, False),
        (SCAN, replace(TRIVY, database=NOW + timedelta(hours=6)), 0, True),
        (SCAN, replace(TRIVY, version="0.75.0"), 0, True),
        (NEVER_SCANNED, TRIVY, 23, False),
        (NEVER_SCANNED, TRIVY, 24, True),
        (replace(SCAN, failed_at=NOW), replace(TRIVY, version="0.75.0"), 23, False),
        (replace(SCAN, failed_at=NOW), TRIVY, 24, False),
        (SCAN, replace(TRIVY, database=None), 23, False),
        (SCAN, replace(TRIVY, database=None), 24, True),
    ],
)
def test_scan_is_due_with_a_new_database_or_a_day_after_a_failure(scan, scanner, hours, due):
    assert is_due(scan, scanner, NOW + timedelta(hours=hours)) is due


def test_scan_is_found_by_platform_scanner_and_privacy():
    private = replace(SCAN, is_private=True)
    image = ImageInUse(PYTHON, OLD, (SCAN, private))
    newer = replace(TRIVY, version="0.75.0")
    assert find_scan(image, "linux/amd64", newer, is_private=False) == SCAN
    assert find_scan(image, "linux/amd64", newer, is_private=True) == private
    assert find_scan(image, "linux/arm64", newer, is_private=False) is None
    assert find_scan(image, "linux/amd64", replace(TRIVY, name="grype"), is_private=False) is None
