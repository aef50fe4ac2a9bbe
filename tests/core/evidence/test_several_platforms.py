"""Tests that the merged evidence for several platforms contains all findings of every platform."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.core.decisions import NOW
from support.runs.worlds import BODY_TEMPLATE
from support.values import digest, finding, scan, update

from bot.core.evidence.compare import compare_scans
from bot.core.evidence.finding_keys import get_finding_key
from bot.core.evidence.gates import apply_gates
from bot.core.evidence.several_platforms import merge_platforms
from bot.core.proposal.render import render_body
from bot.core.proposal.view.proposal import build_proposal_view
from bot.core.transition import get_first_transition
from bot.model.contents import InstalledPackage
from bot.model.decision import HeldUpdate, ImageUpdate, RefusedUpdate
from bot.model.evidence import NotScanned, Scan, Severity, UnscannedReason
from bot.model.policy import Policy
from bot.model.rules import IntroducedLimit
from bot.model.vocabulary import Reason

AMD, ARM = "linux/amd64", "linux/arm64"
MISSING, LATE = NotScanned(UnscannedReason.PLATFORM_MISSING), NotScanned(UnscannedReason.TIMED_OUT, "after 600 s")
UNKNOWN = compare_scans(LATE, LATE)
ONE, TWO, THREE = (finding(f"CVE-2026-100{number}", Severity.HIGH) for number in (1, 2, 3))


def get_platforms_by_id(findings) -> dict[str, tuple[str, ...]]:
    return {each.id: each.platforms for each in findings}


def test_merged_delta_contains_findings_introduced_or_remaining_on_any_platform():
    found = merge_platforms(
        {AMD: compare_scans(scan(ONE, TWO), scan()), ARM: compare_scans(scan(ONE), scan(ONE, THREE))}
    )
    assert found.delta is not None
    assert get_platforms_by_id(found.delta.fixed) == {TWO.id: (AMD,)}
    assert get_platforms_by_id(found.delta.remaining) == {ONE.id: (ARM,)}, "fixed on one platform only"
    assert get_platforms_by_id(found.delta.introduced) == {THREE.id: (ARM,)}
    assert get_platforms_by_id(found.old.findings) == {ONE.id: (), TWO.id: (AMD,)}


def test_finding_suppressed_on_one_platform_and_fixed_on_another_is_not_fixed():
    found = merge_platforms(
        {AMD: compare_scans(scan(ONE), scan()), ARM: compare_scans(scan(ONE), scan(suppressed=[ONE]))}
    )
    assert found.delta is not None
    assert (found.delta.fixed, found.delta.introduced, found.delta.remaining) == ((), (), ())


FINDINGS = st.lists(st.sampled_from([ONE, TWO, THREE]), unique=True)


@given(FINDINGS, FINDINGS, FINDINGS, FINDINGS)
def test_merged_delta_sorts_each_finding_of_all_platforms_into_a_single_list(amd_old, amd_new, arm_old, arm_new):
    parts = {AMD: compare_scans(scan(*amd_old), scan(*amd_new)), ARM: compare_scans(scan(*arm_old), scan(*arm_new))}
    delta = merge_platforms(parts).delta
    lists = [{get_finding_key(each) for each in listed} for listed in (delta.fixed, delta.introduced, delta.remaining)]
    fixed, introduced, remaining = lists
    assert fixed | introduced | remaining == {
        get_finding_key(each) for each in (*amd_old, *amd_new, *arm_old, *arm_new)
    }
    assert len(fixed) + len(introduced) + len(remaining) == len(fixed | introduced | remaining)
    assert introduced | remaining == {get_finding_key(each) for each in (*amd_new, *arm_new)}
    assert introduced == {get_finding_key(each) for part in parts.values() for each in part.delta.introduced}


def test_evidence_for_a_single_platform_is_unchanged_by_merging():
    alone = compare_scans(scan(ONE), scan())
    assert merge_platforms({AMD: alone}) is alone


def test_merged_scan_is_unknown_and_names_platform_that_was_not_scanned():
    found = merge_platforms({AMD: compare_scans(scan(ONE), scan()), ARM: compare_scans(scan(ONE), LATE)})
    assert found.new == NotScanned(UnscannedReason.TIMED_OUT, "on linux/arm64: after 600 s")
    assert isinstance(found.old, Scan)
    assert found.delta is None


def test_platform_that_both_images_lack_does_not_affect_merged_evidence():
    known = compare_scans(scan(ONE), scan())
    assert merge_platforms({AMD: known, ARM: compare_scans(MISSING, MISSING)}) == known
    assert merge_platforms({AMD: compare_scans(None, scan()), ARM: compare_scans(None, MISSING)}) == compare_scans(
        None, scan()
    )
    assert merge_platforms({AMD: known, ARM: compare_scans(scan(ONE), MISSING)}).delta is None, "one that was lost is"
    assert (
        merge_platforms({AMD: compare_scans(MISSING, MISSING), ARM: compare_scans(MISSING, MISSING)}).new.reason
        is MISSING.reason
    )


def test_package_change_on_several_platforms_is_listed_once():
    def packages(version):
        return (InstalledPackage("debian", "curl", version),)

    change = compare_scans(scan(packages=packages("1")), scan(packages=packages("2")))
    same = compare_scans(scan(packages=packages("2")), scan(packages=packages("2")))
    assert merge_platforms({AMD: change, ARM: change}).package_changes == change.package_changes
    assert merge_platforms({AMD: change, ARM: same}).package_changes == change.package_changes
    assert merge_platforms({AMD: change, ARM: compare_scans(scan(), scan())}).package_changes is None


def apply_gates_with_unknown_platform(before: Scan, after: Scan, *, other=UNKNOWN, **policy):
    """Return the result of the gates for an update with evidence for one of two platforms."""
    moved = update(f"nginx:1@{digest('old')}", "new", policy=Policy(platforms=(AMD, ARM), **policy))
    return apply_gates(
        moved, {get_first_transition(moved): merge_platforms({AMD: compare_scans(before, after), ARM: other})}, NOW
    )


@pytest.mark.parametrize("other", [UNKNOWN, compare_scans(scan(), scan())], ids=["not-scanned", "no-packages-listed"])
def test_downgrade_on_one_platform_is_refused_even_if_another_was_not_scanned(other):
    new, old = (scan(ONE, packages=(InstalledPackage("debian", "openssl", version),)) for version in ("2", "1"))
    refused = apply_gates_with_unknown_platform(replace(new, findings=()), old, other=other)
    assert isinstance(refused, RefusedUpdate)
    assert refused.detail == f"openssl goes back from 2 to 1, which brings {ONE.id}"
    assert isinstance(apply_gates_with_unknown_platform(old, new, other=other), ImageUpdate)


def test_exceeded_limit_on_one_platform_is_refused_even_if_another_was_not_scanned():
    refused = apply_gates_with_unknown_platform(
        scan(), scan(ONE), allow_introduced=(IntroducedLimit(Severity.HIGH, 0),)
    )
    assert isinstance(refused, RefusedUpdate)
    assert refused.reason is Reason.INTRODUCED
    assert isinstance(apply_gates_with_unknown_platform(scan(), scan(ONE)), ImageUpdate)


def test_lower_version_on_one_platform_is_held_even_if_another_was_not_scanned():
    held = apply_gates_with_unknown_platform(replace(scan(), version="2.0"), replace(scan(), version="1.0"))
    assert isinstance(held, HeldUpdate)
    assert held.reason is Reason.OLDER


def test_platforms_of_policy_are_scanned_unless_reference_states_a_platform():
    policy = Policy(platforms=(AMD, ARM))
    assert get_first_transition(update("nginx:1", "new", policy=policy)).platforms == (AMD, ARM)
    assert get_first_transition(update("nginx:1", "new", policy=policy, platform=ARM)).platforms == (ARM,)
    assert get_first_transition(update("nginx:1", "new", platforms=("linux/s390x",))).platforms == ("linux/s390x",)


def test_body_has_a_row_for_each_platform_and_names_platforms_of_findings():
    moved = update(f"nginx:1@{digest('old')}", "new", policy=Policy(platforms=(AMD, ARM)))
    found = merge_platforms({AMD: compare_scans(scan(ONE, TWO), scan()), ARM: compare_scans(scan(ONE), scan(ONE))})
    known = {get_first_transition(moved): found}
    text = render_body(BODY_TEMPLATE, lambda rows: build_proposal_view((moved,), known, rows), 60_000)
    arrow = "\u00a0→\u00a0"
    assert f"| `{AMD}` | 0{arrow}0 | 2{arrow}0 |" in text
    assert f"| `{ARM}` | 0{arrow}0 | 1{arrow}1 |" in text
    assert f"`openssl` (version not known) on `{AMD}` |" in text
    assert f"<sub>Trivy 0.59.1 on `{AMD}`, `{ARM}`, database of" in text


def test_body_has_one_row_when_platforms_have_equal_findings():
    moved = update(f"nginx:1@{digest('old')}", "new", policy=Policy(platforms=(AMD, ARM)))
    known = {
        get_first_transition(moved): merge_platforms(
            dict.fromkeys((AMD, ARM), compare_scans(scan(ONE, TWO), scan(TWO)))
        )
    }
    text = render_body(BODY_TEMPLATE, lambda rows: build_proposal_view((moved,), known, rows), 60_000)
    assert "Platform" not in text
    assert f"<sub>Trivy 0.59.1 on `{AMD}`, `{ARM}`, database of" in text
