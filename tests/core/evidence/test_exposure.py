from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values import finding, scan

from bot.core.evidence.compare import compare_scans
from bot.core.evidence.exposure import build_exposure, find_overdue, list_urgent_findings
from bot.core.evidence.finding_keys import get_finding_key
from bot.model.due_date import select_shorter_periods
from bot.model.evidence import FixDate, NotScanned, Severity, UnscannedReason
from bot.model.exposure import ExposurePeriods, FixPlace

FIXED = finding("CVE-2026-1", fixed_in="2")
UNFIXED = finding("CVE-2026-2", fixed_in=None)
NOT_SCANNED = NotScanned(UnscannedReason.FAILED)


def places(exposure) -> dict[str, FixPlace | None]:
    return {each.finding.id: each.fix for each in exposure.findings}


def test_fix_is_in_distribution_if_the_newest_digest_lacks_it():
    exposure = build_exposure(compare_scans(None, scan(FIXED, UNFIXED)))
    assert places(exposure) == {FIXED.id: FixPlace.IN_DISTRIBUTION, UNFIXED.id: FixPlace.NO_FIX}


def test_fix_is_in_update_if_the_newer_digest_has_it():
    stays = finding("CVE-2026-3", fixed_in="3")
    exposure = build_exposure(compare_scans(scan(FIXED, stays), scan(stays)))
    assert places(exposure) == {FIXED.id: FixPlace.IN_UPDATE, stays.id: FixPlace.IN_DISTRIBUTION}


def test_vulnerability_of_a_package_that_the_newer_digest_lacks_is_fixed_in_update():
    assert places(build_exposure(compare_scans(scan(UNFIXED), scan()))) == {UNFIXED.id: FixPlace.IN_UPDATE}


def test_place_of_fix_is_unknown_if_the_newer_digest_was_not_scanned():
    exposure = build_exposure(compare_scans(scan(FIXED, UNFIXED), NOT_SCANNED))
    assert places(exposure) == {FIXED.id: None, UNFIXED.id: FixPlace.NO_FIX}


@pytest.mark.parametrize("evidence", [compare_scans(None, NOT_SCANNED), compare_scans(NOT_SCANNED, scan(FIXED))])
def test_exposure_of_an_image_that_was_not_scanned_is_unknown(evidence):
    exposure = build_exposure(evidence)
    assert exposure.in_use == NOT_SCANNED
    assert exposure.findings == ()


def test_suppressed_findings_are_no_exposure():
    assert build_exposure(compare_scans(None, scan(suppressed=[FIXED]))).findings == ()


def test_urgent_findings_are_critical_or_exploited_and_have_a_fix():
    critical = finding("CVE-2026-4", severity=Severity.CRITICAL, fixed_in="2")
    exploited = finding("CVE-2026-5", severity=Severity.LOW, fixed_in="2")
    hopeless = finding("CVE-2026-6", severity=Severity.CRITICAL, fixed_in=None)
    high = finding("CVE-2026-7", severity=Severity.HIGH, fixed_in="2")
    evidence = compare_scans(None, scan(critical, exploited, hopeless, high))
    exposure = build_exposure(replace(evidence, exploited_ids=frozenset({exploited.id})))
    assert [each.finding.id for each in list_urgent_findings(exposure)] == [exploited.id, critical.id]


findings = st.builds(
    finding,
    st.integers(1, 6).map("CVE-2026-{}".format),
    package=st.sampled_from(["a", "b"]),
    fixed_in=st.sampled_from([None, "2"]),
    severity=st.sampled_from(Severity),
)
scans = st.lists(findings, unique_by=get_finding_key).map(lambda found: scan(*found))


@given(scans, st.none() | st.just(NOT_SCANNED) | scans)
def test_every_finding_of_the_image_in_use_has_one_place(in_use, newer):
    evidence = compare_scans(None, in_use) if newer is None else compare_scans(in_use, newer)
    exposure = build_exposure(evidence)
    assert sorted(each.finding for each in exposure.findings) == sorted(in_use.findings)
    kept = (
        {get_finding_key(each) for each in (in_use if newer is None else newer).findings}
        if newer != NOT_SCANNED
        else set()
    )
    for each in exposure.findings:
        is_kept = get_finding_key(each.finding) in kept
        assert (each.fix is FixPlace.IN_UPDATE) == (newer not in (None, NOT_SCANNED) and not is_kept)
        assert (each.fix is FixPlace.NO_FIX) == (each.finding.fixed_in is None and each.fix is not FixPlace.IN_UPDATE)


DAY = timedelta(days=1)
NOW = datetime(2026, 12, 1, tzinfo=UTC)
CRITICAL = finding("CVE-2026-8", severity=Severity.CRITICAL, fix_date=FixDate.from_advisory(NOW - 10 * DAY))


def overdue(periods: ExposurePeriods, old=None, new=None, exploited=()) -> tuple[list[str], list[str]]:
    """Return the ids of overdue and of undated findings of an image that has CRITICAL, unless a scan is given."""
    evidence = compare_scans(old, new if new is not None else scan(CRITICAL))
    found = find_overdue(build_exposure(replace(evidence, exploited_ids=frozenset(exploited))), periods, NOW)
    return [each.finding.id for each in found.overdue], [each.finding.id for each in found.undated]


@pytest.mark.parametrize(("days", "expected"), [(9, [CRITICAL.id]), (10, []), (11, [])])
def test_fix_is_overdue_after_its_period(days, expected):
    assert overdue(ExposurePeriods(critical=days * DAY), scan(CRITICAL), scan()) == (expected, [])


def test_fix_that_no_digest_contains_counts_only_if_the_periods_say_so():
    assert overdue(ExposurePeriods(critical=DAY)) == ([], [])
    assert overdue(ExposurePeriods(critical=DAY, in_distribution=True)) == ([CRITICAL.id], [])


def test_period_of_the_next_lower_severity_applies():
    assert overdue(ExposurePeriods(medium=DAY, in_distribution=True)) == ([CRITICAL.id], [])
    high = scan(replace(CRITICAL, severity=Severity.HIGH))
    assert overdue(ExposurePeriods(critical=DAY, in_distribution=True), new=high) == ([], [])


def test_exploited_vulnerability_has_its_own_period():
    low = scan(replace(CRITICAL, severity=Severity.LOW))
    periods = ExposurePeriods(exploited=DAY, in_distribution=True)
    assert overdue(periods, new=low) == ([], [])
    assert overdue(periods, new=low, exploited=[CRITICAL.id]) == ([CRITICAL.id], [])


def test_fix_without_a_date_is_undated_unless_no_age_is_accepted():
    undated = scan(replace(CRITICAL, fix_date=None))
    assert overdue(ExposurePeriods(critical=DAY), undated, scan()) == ([], [CRITICAL.id])
    assert overdue(ExposurePeriods(critical=timedelta()), undated, scan()) == ([CRITICAL.id], [])


def test_fix_whose_place_is_unknown_is_undated():
    assert overdue(ExposurePeriods(critical=timedelta()), scan(CRITICAL), NOT_SCANNED) == ([], [CRITICAL.id])


def test_vulnerability_without_a_fix_is_never_overdue():
    hopeless = scan(replace(CRITICAL, fixed_in=None))
    assert overdue(ExposurePeriods(critical=timedelta(), in_distribution=True), new=hopeless) == ([], [])


def test_stricter_of_two_periods_applies():
    first, second = ExposurePeriods(critical=2 * DAY), ExposurePeriods(critical=DAY, high=9 * DAY, in_distribution=True)
    assert select_shorter_periods(first, second) == replace(second, critical=DAY)
    assert select_shorter_periods(ExposurePeriods(critical=timedelta()), first) == ExposurePeriods(critical=timedelta())
    assert select_shorter_periods(None, first) == select_shorter_periods(first, None) == first
