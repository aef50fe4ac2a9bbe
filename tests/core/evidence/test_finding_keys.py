"""Tests of deduplication: one id for each vulnerability, and one finding for each package."""

import pytest
from support.values import finding, scan

from bot.core.evidence.compare import compare_scans
from bot.core.evidence.finding_keys import get_canonical_ids, merge_findings
from bot.model.evidence import Severity


@pytest.mark.parametrize(
    ("given", "aliases", "names"),
    [
        ("CVE-2026-0001", [], ("CVE-2026-0001",)),
        ("CVE-2026-0001", ["CVE-2026-0002"], ("CVE-2026-0001",)),
        ("GHSA-aaaa-bbbb-cccc", ["X-1", "CVE-2026-0003"], ("CVE-2026-0003",)),
        ("DSA-1-1", ["CVE-2026-0004", "CVE-2026-0003", "CVE-2026-0004"], ("CVE-2026-0003", "CVE-2026-0004")),
        ("DEBIAN-CVE-2026-0003", ["CVE-2026-0003"], ("CVE-2026-0003",)),
        ("DEBIAN-CVE-2026-0003", [], ("DEBIAN-CVE-2026-0003",)),
        ("PYSEC-2026-1", ["GHSA-aaaa-bbbb-cccc"], ("GHSA-aaaa-bbbb-cccc",)),
        ("GHSA-zzzz-bbbb-cccc", ["GHSA-aaaa-bbbb-cccc"], ("GHSA-zzzz-bbbb-cccc",)),
        ("X-1", ["see CVE-2026-0003"], ("X-1",)),
    ],
)
def test_advisory_has_canonical_ids_of_listed_cves(given, aliases, names):
    assert get_canonical_ids(given, aliases) == names


def test_findings_with_same_canonical_id_are_merged():
    by_advisory = [finding(name) for name in get_canonical_ids("GHSA-aaaa-bbbb-cccc", ["CVE-2026-0003"])]
    assert len(merge_findings([*by_advisory, finding("CVE-2026-0003")])) == 1


def test_merged_finding_keeps_highest_severity():
    mild, bad = finding("CVE-2026-0001", Severity.LOW), finding("CVE-2026-0001", Severity.CRITICAL, installed="2")
    assert merge_findings([mild, bad]) == (bad,)


def test_findings_of_equally_named_packages_of_different_types_are_not_merged():
    npm, gem = finding("CVE-2026-0001", package_type="npm"), finding("CVE-2026-0001", package_type="gem")
    assert len(merge_findings([npm, gem])) == 2
    delta = compare_scans(scan(npm), scan(gem)).delta
    assert (delta.fixed, delta.introduced) == ((npm,), (gem,))
