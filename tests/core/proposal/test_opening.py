"""Tests of when a proposal is worth opening, and when it has to wait."""

from dataclasses import replace
from datetime import timedelta

import pytest
from support.core.decisions import DAY, NOW
from support.values import digest, finding, scan, update

from bot.core.durations import MAX_DURATION
from bot.core.evidence.build_time import parse_build_time
from bot.core.evidence.compare import compare_scans
from bot.core.proposal.opening import NEVER, compute_opening_time, is_awaiting_evidence
from bot.model.advisory import AdvisoryList
from bot.model.decision import UpdateCause
from bot.model.evidence import NotScanned, Severity, UnscannedReason
from bot.model.modes import WhenUnknown
from bot.model.policy import Policy
from bot.model.rules import OpenCondition

HIGH = OpenCondition(Severity.HIGH)
OLD_OR_HIGH = OpenCondition(Severity.HIGH, 30 * DAY)
FIXES_LOW = compare_scans(replace(scan(finding("CVE-2026-1", Severity.LOW)), created=NOW), scan())


def wanted(**policy):
    return update(f"nginx:1@{digest('old')}", "new", policy=Policy(**policy))


def test_without_a_rule_anything_newer_is_worth_it():
    assert compute_opening_time([(wanted(), compare_scans(scan(), scan()))]) is None


@pytest.mark.parametrize(
    ("severity", "rule", "worth"),
    [
        (Severity.CRITICAL, HIGH, True),
        (Severity.HIGH, HIGH, True),
        (Severity.MEDIUM, HIGH, False),
        (Severity.UNKNOWN, OpenCondition(Severity.UNKNOWN), True),
    ],
)
def test_it_must_fix_something_so_severe(severity, rule, worth):
    evidence = compare_scans(scan(finding("CVE-2026-1", severity)), scan())
    assert compute_opening_time([(wanted(open_when=rule), evidence)]) == (None if worth else NEVER)


def test_fixing_nothing_is_worth_nothing_whatever_it_brings():
    evidence = compare_scans(scan(), scan(finding("CVE-2026-1", Severity.CRITICAL)))
    assert compute_opening_time([(wanted(open_when=OpenCondition(Severity.UNKNOWN)), evidence)]) == NEVER


def test_what_is_in_use_may_not_grow_too_old():
    assert compute_opening_time([(wanted(open_when=OLD_OR_HIGH), FIXES_LOW)]) == NOW + timedelta(days=30)
    undated = replace(FIXES_LOW, old=replace(FIXES_LOW.old, created=None))
    assert compute_opening_time([(wanted(open_when=OLD_OR_HIGH), undated)]) == NEVER


def test_an_image_that_claims_any_date_breaks_no_run():
    for written in ("2999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"):
        dated = replace(FIXES_LOW, old=replace(FIXES_LOW.old, created=parse_build_time(written)))
        assert compute_opening_time([(wanted(open_when=replace(OLD_OR_HIGH, or_older_than=MAX_DURATION)), dated)]) > NOW


def test_one_update_is_enough_for_all():
    both = [(wanted(open_when=HIGH), FIXES_LOW), (wanted(open_when=OLD_OR_HIGH), FIXES_LOW)]
    assert compute_opening_time(both) == NOW + 30 * DAY
    assert compute_opening_time([*both, (wanted(), FIXES_LOW)]) is None


@pytest.mark.parametrize("cause", [UpdateCause.GONE, UpdateCause.WITHDRAWN])
def test_what_is_gone_or_was_taken_back_does_not_wait(cause):
    failed = compare_scans(scan(), NotScanned(UnscannedReason.FAILED))
    pressing = replace(wanted(open_when=HIGH, when_unknown=WhenUnknown.HOLD), cause=cause)
    assert compute_opening_time([(pressing, FIXES_LOW)]) is None
    assert not is_awaiting_evidence([(pressing, failed)])


def test_what_has_nothing_to_be_compared_with_is_worth_it():
    assert compute_opening_time([(wanted(open_when=HIGH), compare_scans(None, scan()))]) is None


@pytest.mark.parametrize(
    ("why", "waits"),
    [
        (UnscannedReason.FAILED, {None, WhenUnknown.HOLD}),
        (UnscannedReason.TIMED_OUT, {None, WhenUnknown.HOLD}),
        (UnscannedReason.SCANNER_MISSING, {None, WhenUnknown.HOLD}),
        (UnscannedReason.DATABASE_STALE, {None, WhenUnknown.HOLD}),
        (UnscannedReason.OS_UNKNOWN, {WhenUnknown.HOLD}),
        (UnscannedReason.NOT_RESCANNED, {WhenUnknown.HOLD}),
        (UnscannedReason.NO_SCANNER, {WhenUnknown.HOLD}),
    ],
)
@pytest.mark.parametrize("policy", [None, *WhenUnknown])
def test_what_is_unknown_waits_while_another_run_may_know_or_as_a_rule_says(why, waits, policy):
    failed = NotScanned(why)
    for evidence in (compare_scans(scan(), failed), compare_scans(failed, scan()), compare_scans(None, failed)):
        assert is_awaiting_evidence([(wanted(), FIXES_LOW), (wanted(when_unknown=policy), evidence)]) == (
            policy in waits
        )


# ---- exploited vulnerabilities -----------------------------------------------------------------------------------

EXPLOITED = OpenCondition(AdvisoryList.KEV)
LISTED = frozenset({"CVE-2026-1"})


@pytest.mark.parametrize(("listed", "worth"), [(LISTED, True), (frozenset(), False)])
def test_it_must_fix_something_exploited_however_severe_that_is(listed, worth):
    evidence = replace(FIXES_LOW, exploited_ids=listed)
    assert compute_opening_time([(wanted(open_when=EXPLOITED), evidence)]) == (None if worth else NEVER)
    assert not is_awaiting_evidence([(wanted(open_when=EXPLOITED), evidence)])


@pytest.mark.parametrize(("policy", "waits"), [(None, True), (WhenUnknown.HOLD, True), (WhenUnknown.OPEN, False)])
def test_where_the_list_could_not_be_read_it_waits_as_for_a_scan_that_failed(policy, waits):
    update = wanted(open_when=EXPLOITED, when_unknown=policy)
    assert is_awaiting_evidence([(update, FIXES_LOW)]) is waits
    assert (compute_opening_time([(update, FIXES_LOW)]) is None) is not waits


def test_an_unread_list_does_not_keep_what_grows_too_old_nor_what_fixes_nothing():
    old_or_exploited = wanted(open_when=OpenCondition(AdvisoryList.KEV, 30 * DAY))
    assert not is_awaiting_evidence([(old_or_exploited, FIXES_LOW)])
    assert compute_opening_time([(old_or_exploited, FIXES_LOW)]) == NOW + 30 * DAY
    nothing = compare_scans(scan(), scan())
    assert not is_awaiting_evidence([(wanted(open_when=EXPLOITED), nothing)])
    assert compute_opening_time([(wanted(open_when=EXPLOITED), nothing)]) == NEVER
