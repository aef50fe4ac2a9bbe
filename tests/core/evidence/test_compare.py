from dataclasses import replace

import pytest
from support.values import SCANNER, finding, scan

from bot.core.evidence.compare import compare_scans, count_by_severity, count_distinct, is_urgent_fix
from bot.model.evidence import NotScanned, ScannerIdentity, Severity, UnscannedReason


def test_delta_has_fixed_introduced_and_remaining_findings():
    gone, came, stays = finding("CVE-2026-1"), finding("CVE-2026-2"), finding("CVE-2026-3")
    delta = compare_scans(scan(gone, stays), scan(stays, came)).delta
    assert (delta.fixed, delta.introduced, delta.remaining) == ((gone,), (came,), (stays,))


def test_vulnerability_in_newer_package_version_remains():
    delta = compare_scans(scan(finding("CVE-2026-1", installed="1")), scan(finding("CVE-2026-1", installed="2"))).delta
    assert not delta.fixed
    assert not delta.introduced
    assert [each.installed for each in delta.remaining] == ["2"]


def test_same_vulnerability_in_two_packages_counts_as_two_findings():
    delta = compare_scans(scan(finding("CVE-2026-1", package="a")), scan(finding("CVE-2026-1", package="b"))).delta
    assert len(delta.fixed) == len(delta.introduced) == 1


def test_finding_suppressed_in_newer_image_is_not_fixed_and_not_remaining():
    hole = finding("CVE-2026-1")
    delta = compare_scans(scan(hole), scan(suppressed=[hole])).delta
    assert not delta.fixed
    assert not delta.introduced
    assert not delta.remaining


def test_finding_suppressed_only_in_older_image_is_introduced():
    hole = finding("CVE-2026-1")
    delta = compare_scans(scan(suppressed=[hole]), scan(hole)).delta
    assert delta.introduced == (hole,)
    assert not delta.remaining


def test_finding_missing_in_newer_image_is_not_fixed_if_suppressed_in_older_image():
    assert not compare_scans(scan(suppressed=[finding("CVE-2026-1")]), scan()).delta.fixed


@pytest.mark.parametrize("old", [None, NotScanned(UnscannedReason.IMAGE_GONE)])
def test_delta_is_unknown_unless_both_images_were_scanned(old):
    assert compare_scans(old, scan()).delta is None
    assert compare_scans(scan(), NotScanned(UnscannedReason.FAILED)).delta is None


def test_scans_with_different_scanner_versions_or_databases_are_not_compared():
    other = ScannerIdentity(SCANNER.name, "0.60.0", None)
    evidence = compare_scans(scan(finding("CVE-2026-1")), scan(scanner=other))
    assert evidence.delta is None
    assert evidence.old == NotScanned(UnscannedReason.DIFFERENT_DATABASE)
    assert evidence.old.is_temporary


def test_scans_are_not_compared_if_both_databases_are_unknown():
    undated = ScannerIdentity("twistcli", "", None)
    evidence = compare_scans(scan(finding("CVE-2026-1"), scanner=undated), scan(scanner=undated))
    assert evidence.delta is None
    assert (evidence.old.reason, evidence.old.is_temporary) == (UnscannedReason.DIFFERENT_DATABASE, False)
    assert evidence.old.detail == "an image was scanned with an unknown database"


def test_scans_are_not_compared_if_only_one_states_a_scanner_run():
    named, unnamed = (ScannerIdentity("twistcli", "", None, run) for run in ("monday", None))
    for old, new in ((named, unnamed), (unnamed, named)):
        evidence = compare_scans(scan(finding("CVE-2026-1"), scanner=old), scan(scanner=new))
        assert (evidence.old.reason, evidence.old.is_database_unknown) == (UnscannedReason.DIFFERENT_DATABASE, True)
        assert evidence.delta is None


def test_scans_with_unknown_database_are_compared_only_within_same_scanner_run():
    one, other = (ScannerIdentity("twistcli", "", None, run) for run in ("monday", "tuesday"))
    assert compare_scans(scan(finding("CVE-2026-1"), scanner=one), scan(scanner=one)).delta
    assert compare_scans(scan(finding("CVE-2026-1"), scanner=one), scan(scanner=other)).delta is None


def test_vulnerability_in_several_packages_is_counted_once_at_highest_severity():
    findings = [
        finding("CVE-2026-1", Severity.LOW, package="a"),
        finding("CVE-2026-1", Severity.CRITICAL, package="b"),
        finding("CVE-2026-2", Severity.LOW),
    ]
    assert count_distinct(findings) == 2
    for order in (findings, findings[::-1]):
        counts = count_by_severity(order)
        assert (counts[Severity.CRITICAL], counts[Severity.HIGH], counts[Severity.LOW]) == (1, 0, 1)
        assert list(counts) == sorted(Severity, reverse=True)


def test_most_severe_finding_of_delta_comes_first():
    low, high = finding("CVE-2026-1", Severity.LOW), finding("CVE-2026-2", Severity.CRITICAL)
    assert compare_scans(scan(low, high), scan()).delta.fixed == (high, low)


def test_update_that_fixes_an_exploited_or_critical_vulnerability_is_urgent():
    low, critical = finding("CVE-2026-1", Severity.LOW), finding("CVE-2026-2", Severity.CRITICAL)
    fixing, keeping = compare_scans(scan(low), scan()), compare_scans(scan(low), scan(low))
    listed = frozenset({"CVE-2026-1"})
    assert not is_urgent_fix(fixing)
    assert is_urgent_fix(replace(fixing, exploited_ids=listed))
    assert not is_urgent_fix(replace(fixing, exploited_ids=frozenset()))
    assert not is_urgent_fix(replace(keeping, exploited_ids=listed))
    assert is_urgent_fix(compare_scans(scan(critical), scan()))
