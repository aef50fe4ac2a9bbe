"""Tests of the attributes of an open request: which are set, which are not set again, and automerge."""

from dataclasses import replace
from datetime import timedelta

import pytest
from support.core.lifecycle_scene import (
    BRANCH,
    INTENT,
    NOW,
    REPORT,
    TARGETS,
    WANTED,
    build_remote_request,
    find_next_step,
)

from bot.core.proposal.marks import render_mark
from bot.model.due_date import DueClass, DueDate
from bot.model.proposal import BodyMark, NoChange, NoChangeReason, UpdateStep
from bot.model.request_attributes import NO_ATTRIBUTES, OVERDUE_LABEL, RequestAttributes

LABELLED = replace(WANTED, attributes=RequestAttributes(labels=("docker",), reviewers=("ada",), milestone="Next"))


def test_attributes_not_set_by_killed_run_are_set_by_next_run():
    before = build_remote_request(ever_set=RequestAttributes(labels=("docker",)), opened_at=NOW - timedelta(days=1))
    missing = RequestAttributes(reviewers=("ada",), milestone="Next")
    assert find_next_step(LABELLED, before) == UpdateStep(
        before, LABELLED, must_push=False, must_update_text=False, attributes=missing
    )


def test_attributes_set_earlier_are_not_set_again():
    before = build_remote_request(ever_set=LABELLED.attributes, opened_at=NOW)
    assert find_next_step(LABELLED, before) == NoChange(BRANCH, NoChangeReason.UNCHANGED, before)


def test_missing_attributes_are_set_with_next_push_after_two_days():
    before = build_remote_request(ever_set=RequestAttributes(), opened_at=NOW - timedelta(days=2))
    assert find_next_step(LABELLED, before) == NoChange(BRANCH, NoChangeReason.UNCHANGED, before)
    moved = replace(before, intent="9" * 16)
    assert find_next_step(LABELLED, moved) == UpdateStep(
        moved, LABELLED, must_push=True, must_update_text=False, attributes=LABELLED.attributes
    )


def test_missing_attributes_are_retried_for_two_days_after_last_commit():
    before = build_remote_request(
        ever_set=RequestAttributes(), opened_at=NOW - timedelta(days=9), committed_at=NOW - timedelta(days=1)
    )
    assert find_next_step(LABELLED, before).attributes == LABELLED.attributes
    assert (
        find_next_step(LABELLED, replace(before, committed_at=NOW - timedelta(days=2))).reason
        is NoChangeReason.UNCHANGED
    )


def test_attributes_are_not_set_when_earlier_attributes_are_unknown():
    before = build_remote_request(ever_set=None, opened_at=NOW)
    assert find_next_step(LABELLED, before) == NoChange(BRANCH, NoChangeReason.UNCHANGED, before)


# The label of overdue requests


def build_overdue_proposal(days: float, labels=()):
    """Return what is wanted of a request that has been overdue for some days."""
    due = DueDate(NOW - timedelta(days=days), DueClass.HIGH, is_overdue=True)
    return replace(WANTED, shown_due=due, attributes=RequestAttributes(labels=(*labels, OVERDUE_LABEL)))


def test_only_overdue_label_is_retried_for_two_days_after_due_date():
    before = build_remote_request(ever_set=RequestAttributes(labels=("docker",)), opened_at=NOW - timedelta(days=9))
    wanted = build_overdue_proposal(1, ("never-set",))
    assert find_next_step(wanted, before).attributes == RequestAttributes(labels=(OVERDUE_LABEL,))
    assert find_next_step(build_overdue_proposal(2), before).reason is NoChangeReason.UNCHANGED
    removed = replace(before, ever_set=RequestAttributes(labels=(OVERDUE_LABEL,)))
    assert find_next_step(build_overdue_proposal(1), removed).reason is NoChangeReason.UNCHANGED


def test_approved_pull_request_that_waits_gets_overdue_label():
    before = build_remote_request(
        intent="9" * 16, is_accepted=True, committed_at=NOW, opened_at=NOW - timedelta(days=9), ever_set=NO_ATTRIBUTES
    )
    waiting = find_next_step(build_overdue_proposal(1), before)
    assert (waiting.reason, waiting.attributes.labels) == (NoChangeReason.ACCEPTED, (OVERDUE_LABEL,))


# Automerge


ARMED_BODY = f"text\n\n{render_mark(BodyMark(TARGETS, REPORT, has_automerge=True))}"
MERGING = replace(WANTED, attributes=RequestAttributes(automerge=True))


def test_automerge_disabled_by_user_is_not_enabled_again():
    before = build_remote_request(body=ARMED_BODY, ever_set=RequestAttributes(), opened_at=NOW)
    assert find_next_step(MERGING, before).attributes == RequestAttributes(automerge=True)
    disarmed_by_a_person = build_remote_request(
        body=ARMED_BODY, ever_set=RequestAttributes(automerge=True), opened_at=NOW
    )
    assert find_next_step(MERGING, disarmed_by_a_person) == NoChange(
        BRANCH, NoChangeReason.UNCHANGED, disarmed_by_a_person
    )


def test_automerge_is_enabled_and_text_updated_when_conditions_are_met_later():
    before = build_remote_request(ever_set=RequestAttributes(), opened_at=NOW - timedelta(days=9))
    assert find_next_step(MERGING, before) == UpdateStep(
        before, MERGING, must_push=False, must_update_text=True, attributes=RequestAttributes(automerge=True)
    )


def test_automerge_enabled_by_basebump_does_not_count_as_approval():
    before = build_remote_request(
        body=ARMED_BODY,
        intent="9" * 16,
        has_automerge=True,
        ever_set=RequestAttributes(automerge=True),
        committed_at=NOW,
    )
    assert find_next_step(MERGING, before) == UpdateStep(before, MERGING, must_push=True, must_update_text=False)


@pytest.mark.parametrize("intent", [INTENT, "9" * 16])
def test_automerge_is_disabled_when_conditions_are_not_met_anymore(intent):
    before = build_remote_request(
        body=ARMED_BODY, intent=intent, has_automerge=True, ever_set=RequestAttributes(automerge=True), committed_at=NOW
    )
    expected = UpdateStep(
        before, WANTED, must_push=intent != INTENT, must_update_text=True, attributes=RequestAttributes(automerge=False)
    )
    assert find_next_step(WANTED, before) == expected


def test_automerge_stays_enabled_when_run_only_lacks_evidence():
    known = f"{REPORT[:-1]}0"
    body = f"text\n\n{render_mark(BodyMark(TARGETS, known, has_automerge=True))}"
    before = build_remote_request(
        body=body, has_automerge=True, ever_set=RequestAttributes(automerge=True), opened_at=NOW, committed_at=NOW
    )
    unscanned = replace(WANTED, report_fingerprint=f"{REPORT[:-1]}1", is_merge_unknown=True)
    assert find_next_step(unscanned, before) == NoChange(BRANCH, NoChangeReason.UNCHANGED, before)
    for other in (
        replace(unscanned, report_fingerprint=known),
        replace(unscanned, is_merge_unknown=False),
        replace(unscanned, intent="9" * 16),
    ):
        assert find_next_step(other, before).attributes.automerge is False, other


def test_automerge_enabled_by_user_with_same_account_counts_as_approval():
    before = build_remote_request(
        intent="9" * 16, has_automerge=True, ever_set=RequestAttributes(automerge=True), committed_at=NOW
    )
    assert find_next_step(WANTED, before) == NoChange(BRANCH, NoChangeReason.ACCEPTED, before)
