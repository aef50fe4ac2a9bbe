"""What an open request has besides its words: what is set once, what is not set again, and merging by itself."""

from dataclasses import replace
from datetime import timedelta

import pytest
from support.core.lifecycle_scene import BRANCH, INTENT, NOW, REPORT, TARGETS, WANTED, shown, step

from bot.core.proposal.mark import Remembered, mark
from bot.model.extras import Extras
from bot.model.proposal import Leave, LeaveReason, Refresh

LABELLED = replace(WANTED, extras=Extras(labels=("docker",), reviewers=("ada",), milestone="Next"))


def test_what_a_killed_run_did_not_set_is_set_by_the_next():
    before = shown(ever=Extras(labels=("docker",)), opened=NOW - timedelta(days=1))
    missing = Extras(reviewers=("ada",), milestone="Next")
    assert step(LABELLED, before) == Refresh(before, LABELLED, push=False, amend=False, extras=missing)


def test_what_was_ever_set_is_not_set_again():
    before = shown(ever=LABELLED.extras, opened=NOW)
    assert step(LABELLED, before) == Leave(BRANCH, LeaveReason.UNCHANGED, before)


def test_what_the_forge_refuses_is_tried_for_two_days_and_with_every_refresh():
    before = shown(ever=Extras(), opened=NOW - timedelta(days=2))
    assert step(LABELLED, before) == Leave(BRANCH, LeaveReason.UNCHANGED, before)
    moved = replace(before, intent="9" * 16)
    assert step(LABELLED, moved) == Refresh(moved, LABELLED, push=True, amend=False, extras=LABELLED.extras)


def test_what_a_refreshed_request_lacks_is_tried_for_two_days_after_our_commit():
    before = shown(ever=Extras(), opened=NOW - timedelta(days=9), committed=NOW - timedelta(days=1))
    assert step(LABELLED, before).extras == LABELLED.extras
    assert step(LABELLED, replace(before, committed=NOW - timedelta(days=2))).reason is LeaveReason.UNCHANGED


def test_where_nobody_can_say_what_was_set_nothing_is_set_again():
    before = shown(ever=None, opened=NOW)
    assert step(LABELLED, before) == Leave(BRANCH, LeaveReason.UNCHANGED, before)


# Merging by itself


ARMED_BODY = f"text\n\n{mark(Remembered(TARGETS, REPORT, automerge=True))}"
MERGING = replace(WANTED, extras=Extras(automerge=True))


def test_what_may_merge_by_itself_is_armed_once():
    before = shown(body=ARMED_BODY, ever=Extras(), opened=NOW)
    assert step(MERGING, before).extras == Extras(automerge=True)
    disarmed_by_a_person = shown(body=ARMED_BODY, ever=Extras(automerge=True), opened=NOW)
    assert step(MERGING, disarmed_by_a_person) == Leave(BRANCH, LeaveReason.UNCHANGED, disarmed_by_a_person)


def test_what_comes_to_hold_its_conditions_later_is_armed_with_the_new_text():
    before = shown(ever=Extras(), opened=NOW - timedelta(days=9))
    assert step(MERGING, before) == Refresh(before, MERGING, push=False, amend=True, extras=Extras(automerge=True))


def test_what_we_armed_is_not_accepted_and_moves_on():
    before = shown(body=ARMED_BODY, intent="9" * 16, armed=True, ever=Extras(automerge=True), committed=NOW)
    assert step(MERGING, before) == Refresh(before, MERGING, push=True, amend=False)


@pytest.mark.parametrize("intent", [INTENT, "9" * 16])
def test_what_no_longer_holds_its_conditions_is_disarmed(intent):
    before = shown(body=ARMED_BODY, intent=intent, armed=True, ever=Extras(automerge=True), committed=NOW)
    expected = Refresh(before, WANTED, push=intent != INTENT, amend=True, extras=Extras(automerge=False))
    assert step(WANTED, before) == expected


def test_what_is_to_merge_by_itself_stays_so_in_a_run_that_knows_less():
    known = f"{REPORT[:-1]}0"
    body = f"text\n\n{mark(Remembered(TARGETS, known, automerge=True))}"
    before = shown(body=body, armed=True, ever=Extras(automerge=True), opened=NOW, committed=NOW)
    unscanned = replace(WANTED, report=f"{REPORT[:-1]}1", is_merge_unknown=True)
    assert step(unscanned, before) == Leave(BRANCH, LeaveReason.UNCHANGED, before)
    for other in (
        replace(unscanned, report=known),
        replace(unscanned, is_merge_unknown=False),
        replace(unscanned, intent="9" * 16),
    ):
        assert step(other, before).extras.automerge is False, other


def test_what_somebody_armed_with_the_account_that_we_use_is_accepted_and_stays_armed():
    before = shown(intent="9" * 16, armed=True, ever=Extras(automerge=True), committed=NOW)
    assert step(WANTED, before) == Leave(BRANCH, LeaveReason.ACCEPTED, before)
