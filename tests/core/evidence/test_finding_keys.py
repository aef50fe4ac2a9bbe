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
def test_an_advisory_is_called_by_the_cves_that_it_is_about(given, aliases, names):
    assert get_canonical_ids(given, aliases) == names


def test_the_same_hole_under_two_names_is_one_once_both_have_their_canonical_one():
    by_advisory = [finding(name) for name in get_canonical_ids("GHSA-aaaa-bbbb-cccc", ["CVE-2026-0003"])]
    assert len(merge_findings([*by_advisory, finding("CVE-2026-0003")])) == 1


def test_of_equal_findings_the_worst_stays():
    mild, bad = finding("CVE-2026-0001", Severity.LOW), finding("CVE-2026-0001", Severity.CRITICAL, installed="2")
    assert merge_findings([mild, bad]) == (bad,)


def test_another_type_of_package_is_another_finding():
    npm, gem = finding("CVE-2026-0001", package_type="npm"), finding("CVE-2026-0001", package_type="gem")
    assert len(merge_findings([npm, gem])) == 2
    delta = compare_scans(scan(npm), scan(gem)).delta
    assert (delta.fixed, delta.introduced) == ((npm,), (gem,))
