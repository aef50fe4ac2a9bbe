"""Tests of the attributes of an open request: which are set, which are not set again, and automerge."""

from dataclasses import replace
from datetime import timedelta

import pytest
from support.core.lifecycle_scene import BRANCH, INTENT, NOW, REPORT, TARGETS, WANTED, shown, step

from bot.core.proposal.marks import BodyMark, render_mark
from bot.model.due_date import DueClass, DueDate
from bot.model.proposal import NoChange, NoChangeReason, UpdateRequest
from bot.model.request_attributes import NO_ATTRIBUTES, OVERDUE_LABEL, RequestAttributes

LABELLED = replace(WANTED, attributes=RequestAttributes(labels=("docker",), reviewers=("ada",), milestone="Next"))


def test_what_a_killed_run_did_not_set_is_set_by_the_next():
    before = shown(ever_set=RequestAttributes(labels=("docker",)), opened_at=NOW - timedelta(days=1))
    missing = RequestAttributes(reviewers=("ada",), milestone="Next")
    assert step(LABELLED, before) == UpdateRequest(
        before, LABELLED, must_push=False, must_update_text=False, attributes=missing
    )


def test_what_was_ever_set_is_not_set_again():
    before = shown(ever_set=LABELLED.attributes, opened_at=NOW)
    assert step(LABELLED, before) == NoChange(BRANCH, NoChangeReason.UNCHANGED, before)


def test_what_the_forge_refuses_is_tried_for_two_days_and_with_every_refresh():
    before = shown(ever_set=RequestAttributes(), opened_at=NOW - timedelta(days=2))
    assert step(LABELLED, before) == NoChange(BRANCH, NoChangeReason.UNCHANGED, before)
    moved = replace(before, intent="9" * 16)
    assert step(LABELLED, moved) == UpdateRequest(
        moved, LABELLED, must_push=True, must_update_text=False, attributes=LABELLED.attributes
    )


def test_what_a_refreshed_request_lacks_is_tried_for_two_days_after_our_commit():
    before = shown(
        ever_set=RequestAttributes(), opened_at=NOW - timedelta(days=9), committed_at=NOW - timedelta(days=1)
    )
    assert step(LABELLED, before).attributes == LABELLED.attributes
    assert step(LABELLED, replace(before, committed_at=NOW - timedelta(days=2))).reason is NoChangeReason.UNCHANGED


def test_where_nobody_can_say_what_was_set_nothing_is_set_again():
    before = shown(ever_set=None, opened_at=NOW)
    assert step(LABELLED, before) == NoChange(BRANCH, NoChangeReason.UNCHANGED, before)


# The label of overdue requests


def overdue(days: float, labels=()):
    """Return what is wanted of a request that has been overdue for some days."""
    due = DueDate(NOW - timedelta(days=days), DueClass.HIGH, is_overdue=True)
    return replace(WANTED, shown_due=due, attributes=RequestAttributes(labels=(*labels, OVERDUE_LABEL)))


def test_label_of_overdue_request_is_tried_for_two_days_although_nothing_else_changes():
    before = shown(ever_set=RequestAttributes(labels=("docker",)), opened_at=NOW - timedelta(days=9))
    wanted = overdue(1, ("never-set",))
    assert step(wanted, before).attributes == RequestAttributes(labels=(OVERDUE_LABEL,))
    assert step(overdue(2), before).reason is NoChangeReason.UNCHANGED
    removed = replace(before, ever_set=RequestAttributes(labels=(OVERDUE_LABEL,)))
    assert step(overdue(1), removed).reason is NoChangeReason.UNCHANGED


def test_request_that_waits_for_its_next_update_gets_the_label_of_overdue_requests():
    before = shown(
        intent="9" * 16, is_accepted=True, committed_at=NOW, opened_at=NOW - timedelta(days=9), ever_set=NO_ATTRIBUTES
    )
    waiting = step(overdue(1), before)
    assert (waiting.reason, waiting.attributes.labels) == (NoChangeReason.ACCEPTED, (OVERDUE_LABEL,))


# Automerge


ARMED_BODY = f"text\n\n{render_mark(BodyMark(TARGETS, REPORT, has_automerge=True))}"
MERGING = replace(WANTED, attributes=RequestAttributes(automerge=True))


def test_what_may_merge_by_itself_is_armed_once():
    before = shown(body=ARMED_BODY, ever_set=RequestAttributes(), opened_at=NOW)
    assert step(MERGING, before).attributes == RequestAttributes(automerge=True)
    disarmed_by_a_person = shown(body=ARMED_BODY, ever_set=RequestAttributes(automerge=True), opened_at=NOW)
    assert step(MERGING, disarmed_by_a_person) == NoChange(BRANCH, NoChangeReason.UNCHANGED, disarmed_by_a_person)


def test_what_comes_to_hold_its_conditions_later_is_armed_with_the_new_text():
    before = shown(ever_set=RequestAttributes(), opened_at=NOW - timedelta(days=9))
    assert step(MERGING, before) == UpdateRequest(
        before, MERGING, must_push=False, must_update_text=True, attributes=RequestAttributes(automerge=True)
    )


def test_what_we_armed_is_not_accepted_and_moves_on():
    before = shown(
        body=ARMED_BODY,
        intent="9" * 16,
        has_automerge=True,
        ever_set=RequestAttributes(automerge=True),
        committed_at=NOW,
    )
    assert step(MERGING, before) == UpdateRequest(before, MERGING, must_push=True, must_update_text=False)


@pytest.mark.parametrize("intent", [INTENT, "9" * 16])
def test_what_no_longer_holds_its_conditions_is_disarmed(intent):
    before = shown(
        body=ARMED_BODY, intent=intent, has_automerge=True, ever_set=RequestAttributes(automerge=True), committed_at=NOW
    )
    expected = UpdateRequest(
        before, WANTED, must_push=intent != INTENT, must_update_text=True, attributes=RequestAttributes(automerge=False)
    )
    assert step(WANTED, before) == expected


def test_what_is_to_merge_by_itself_stays_so_in_a_run_that_knows_less():
    known = f"{REPORT[:-1]}0"
    body = f"text\n\n{render_mark(BodyMark(TARGETS, known, has_automerge=True))}"
    before = shown(
        body=body, has_automerge=True, ever_set=RequestAttributes(automerge=True), opened_at=NOW, committed_at=NOW
    )
    unscanned = replace(WANTED, report_fingerprint=f"{REPORT[:-1]}1", is_merge_unknown=True)
    assert step(unscanned, before) == NoChange(BRANCH, NoChangeReason.UNCHANGED, before)
    for other in (
        replace(unscanned, report_fingerprint=known),
        replace(unscanned, is_merge_unknown=False),
        replace(unscanned, intent="9" * 16),
    ):
        assert step(other, before).attributes.automerge is False, other


def test_what_somebody_armed_with_the_account_that_we_use_is_accepted_and_stays_armed():
    before = shown(intent="9" * 16, has_automerge=True, ever_set=RequestAttributes(automerge=True), committed_at=NOW)
    assert step(WANTED, before) == NoChange(BRANCH, NoChangeReason.ACCEPTED, before)
