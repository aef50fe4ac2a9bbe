from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values import finding, scan

from bot.core.evidence.compare import compare_scans
from bot.core.evidence.exposure import build_exposure, list_urgent_findings
from bot.core.evidence.finding_keys import get_finding_key
from bot.model.evidence import NotScanned, Severity, UnscannedReason
from bot.model.exposure import FixPlace

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
