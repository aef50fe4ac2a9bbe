"""Tests of when a proposal is worth opening, and when it has to wait."""

from dataclasses import replace
from datetime import timedelta

import pytest
from support.core.decisions import DAY, NOW
from support.values import digest, finding, scan, update

from bot.core.evidence.build_time import parse_build_time
from bot.core.evidence.compare import compare_scans
from bot.core.proposal.opening import NEVER, compute_opening_time, is_awaiting_evidence
from bot.model.advisory import AdvisoryList
from bot.model.config_types.times import MAX_AGE
from bot.model.decision import UpdateCause
from bot.model.evidence import NotScanned, Severity, UnscannedReason
from bot.model.modes import WhenUnknown
from bot.model.policy import Policy
from bot.model.rules import OpenCondition

HIGH = OpenCondition(Severity.HIGH)
OLD_OR_HIGH = OpenCondition(Severity.HIGH, 30 * DAY)
FIXES_LOW = compare_scans(replace(scan(finding("CVE-2026-1", Severity.LOW)), created=NOW), scan())


def build_update(**policy):
    return update(f"nginx:1@{digest('old')}", "new", policy=Policy(**policy))


def test_proposal_without_open_condition_is_opened_at_once():
    assert compute_opening_time([(build_update(), compare_scans(scan(), scan()))]) is None


@pytest.mark.parametrize(
    ("severity", "rule", "worth"),
    [
        (Severity.CRITICAL, HIGH, True),
        (Severity.HIGH, HIGH, True),
        (Severity.MEDIUM, HIGH, False),
        (Severity.UNKNOWN, OpenCondition(Severity.UNKNOWN), True),
    ],
)
def test_proposal_is_opened_only_if_fix_reaches_severity_of_open_condition(severity, rule, worth):
    evidence = compare_scans(scan(finding("CVE-2026-1", severity)), scan())
    assert compute_opening_time([(build_update(open_when=rule), evidence)]) == (None if worth else NEVER)


def test_proposal_without_fixes_is_never_opened_if_open_condition_requires_fix():
    evidence = compare_scans(scan(), scan(finding("CVE-2026-1", Severity.CRITICAL)))
    assert compute_opening_time([(build_update(open_when=OpenCondition(Severity.UNKNOWN)), evidence)]) == NEVER


def test_proposal_is_opened_when_image_in_use_reaches_maximum_age():
    assert compute_opening_time([(build_update(open_when=OLD_OR_HIGH), FIXES_LOW)]) == NOW + timedelta(days=30)
    undated = replace(FIXES_LOW, old=replace(FIXES_LOW.old, created=None))
    assert compute_opening_time([(build_update(open_when=OLD_OR_HIGH), undated)]) == NEVER


def test_opening_time_is_computed_for_build_dates_in_far_future():
    for written in ("2999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"):
        dated = replace(FIXES_LOW, old=replace(FIXES_LOW.old, created=parse_build_time(written)))
        assert (
            compute_opening_time([(build_update(open_when=replace(OLD_OR_HIGH, or_older_than=MAX_AGE)), dated)]) > NOW
        )


def test_group_is_opened_as_soon_as_one_update_meets_open_condition():
    both = [(build_update(open_when=HIGH), FIXES_LOW), (build_update(open_when=OLD_OR_HIGH), FIXES_LOW)]
    assert compute_opening_time(both) == NOW + 30 * DAY
    assert compute_opening_time([*both, (build_update(), FIXES_LOW)]) is None


@pytest.mark.parametrize("cause", [UpdateCause.GONE, UpdateCause.WITHDRAWN])
def test_replacement_of_gone_or_withdrawn_digest_ignores_open_condition(cause):
    failed = compare_scans(scan(), NotScanned(UnscannedReason.FAILED))
    pressing = replace(build_update(open_when=HIGH, when_unknown=WhenUnknown.HOLD), cause=cause)
    assert compute_opening_time([(pressing, FIXES_LOW)]) is None
    assert not is_awaiting_evidence([(pressing, failed)])


def test_pinning_an_unpinned_image_ignores_open_condition():
    assert compute_opening_time([(build_update(open_when=HIGH), compare_scans(None, scan()))]) is None


@pytest.mark.parametrize(
    ("failed", "waits"),
    [
        (NotScanned(UnscannedReason.FAILED), {None, WhenUnknown.HOLD}),
        (NotScanned(UnscannedReason.TIMED_OUT), {None, WhenUnknown.HOLD}),
        (NotScanned(UnscannedReason.NO_SCANNER, is_scanner_required=True), {None, WhenUnknown.HOLD}),
        (NotScanned(UnscannedReason.DATABASE_STALE), {None, WhenUnknown.HOLD}),
        (NotScanned(UnscannedReason.OS_UNKNOWN), {WhenUnknown.HOLD}),
        (NotScanned(UnscannedReason.NOT_RESCANNED), {WhenUnknown.HOLD}),
        (NotScanned(UnscannedReason.NO_SCANNER), {WhenUnknown.HOLD}),
        (NotScanned(UnscannedReason.DIFFERENT_DATABASE), {None, WhenUnknown.HOLD}),
        (NotScanned(UnscannedReason.DIFFERENT_DATABASE, is_database_unknown=True), {WhenUnknown.HOLD}),
    ],
)
@pytest.mark.parametrize("policy", [None, *WhenUnknown])
def test_update_with_missing_evidence_waits_depending_on_reason_and_policy(failed, waits, policy):
    for evidence in (compare_scans(scan(), failed), compare_scans(failed, scan()), compare_scans(None, failed)):
        assert is_awaiting_evidence([(build_update(), FIXES_LOW), (build_update(when_unknown=policy), evidence)]) == (
            policy in waits
        )


# ---- exploited vulnerabilities -----------------------------------------------------------------------------------

EXPLOITED = OpenCondition(AdvisoryList.KEV)
LISTED = frozenset({"CVE-2026-1"})


@pytest.mark.parametrize(("listed", "worth"), [(LISTED, True), (frozenset(), False)])
def test_kev_open_condition_is_met_only_if_exploited_vulnerability_is_fixed(listed, worth):
    evidence = replace(FIXES_LOW, exploited_ids=listed)
    assert compute_opening_time([(build_update(open_when=EXPLOITED), evidence)]) == (None if worth else NEVER)
    assert not is_awaiting_evidence([(build_update(open_when=EXPLOITED), evidence)])


@pytest.mark.parametrize(("policy", "waits"), [(None, True), (WhenUnknown.HOLD, True), (WhenUnknown.OPEN, False)])
def test_update_waits_for_unread_kev_list_unless_policy_opens_unknown_updates(policy, waits):
    update = build_update(open_when=EXPLOITED, when_unknown=policy)
    assert is_awaiting_evidence([(update, FIXES_LOW)]) is waits
    assert (compute_opening_time([(update, FIXES_LOW)]) is None) is not waits


def test_unread_kev_list_delays_neither_old_image_nor_update_without_fixes():
    old_or_exploited = build_update(open_when=OpenCondition(AdvisoryList.KEV, 30 * DAY))
    assert not is_awaiting_evidence([(old_or_exploited, FIXES_LOW)])
    assert compute_opening_time([(old_or_exploited, FIXES_LOW)]) == NOW + 30 * DAY
    nothing = compare_scans(scan(), scan())
    assert not is_awaiting_evidence([(build_update(open_when=EXPLOITED), nothing)])
    assert compute_opening_time([(build_update(open_when=EXPLOITED), nothing)]) == NEVER
