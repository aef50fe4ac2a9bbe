"""The life of a proposal: every row is a claim."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.values import digest

from bot.core.lifecycle import next_step
from bot.core.mark import mark
from bot.model.dashboard import Ask
from bot.model.extras import Extras
from bot.model.modes import OnClose, Rebase
from bot.model.proposal import (
    Close,
    Leave,
    LeaveReason,
    Open,
    Proposal,
    Refresh,
    RequestState,
    Seen,
    Sweep,
    Unwanted,
)

NOW = datetime(2026, 11, 25, tzinfo=UTC)
BRANCH = "basebump/python-3.12-slim-06e5bb43"
TARGETS = (f"docker.io/library/python:3.12-slim@{digest('new')}",)
TARGETS_BEFORE = (f"docker.io/library/python:3.12-slim@{digest('before')}",)
INTENT, REPORT = "1" * 16, "2" * 15 + "0"
WANTED = Proposal(BRANCH, "Update python", "body", "message", (), (), TARGETS, INTENT, REPORT)
NOT_WANTED = Unwanted("The base branch already has it.")


def _seen(state=RequestState.OPEN, *, targets=TARGETS, report=REPORT, withdrawn=False, **more) -> Seen:
    body = "" if state is RequestState.BRANCH else f"text\n\n{mark(targets, report, withdrawn=withdrawn)}"
    values = {"head": "c0ffee", "intent": INTENT, "number": 7, "body": body} | more
    return Seen(BRANCH, state, **values)


def _step(wanted=WANTED, *seen, known=True):
    return next_step(wanted, seen, known=known, now=NOW)


def test_wanted_and_nothing_there_opens():
    assert _step(WANTED) == Open(WANTED, push=True)


def test_not_wanted_and_nothing_there_is_nothing():
    assert _step(NOT_WANTED) is None


def test_nothing_changed_is_left():
    assert _step(WANTED, _seen()) == Leave(BRANCH, LeaveReason.UNCHANGED, _seen())


def test_another_intent_is_pushed_and_its_body_follows():
    before = _seen(intent="9" * 16, report="9" * 15 + "0")
    assert _step(WANTED, before) == Refresh(before, WANTED, push=True, amend=True)


def test_new_evidence_alone_changes_the_body_and_no_commit():
    before = _seen(report="9" * 15 + "0")
    assert _step(WANTED, before) == Refresh(before, WANTED, push=False, amend=True)


def test_evidence_that_knows_less_never_replaces_what_is_known_of_the_same_move():
    before, uncertain = _seen(report=f"{REPORT[:8]}99999990"), replace(WANTED, report=f"{REPORT[:15]}1")
    assert _step(uncertain, before) == Leave(BRANCH, LeaveReason.UNCHANGED, before)
    killed = _seen(report="9" * 15 + "0")
    assert _step(uncertain, killed) == Refresh(killed, uncertain, push=False, amend=True)


def test_an_accepted_proposal_that_conflicts_is_rebuilt_at_once():
    before = _seen(conflicts=True, accepted=True, committed=NOW)
    assert _step(WANTED, before) == Refresh(before, WANTED, push=True, amend=False)


def test_a_run_killed_between_push_and_amend_is_healed_by_the_amend():
    before = _seen(report="9" * 15 + "0", targets=("other",))
    assert _step(WANTED, before) == Refresh(before, WANTED, push=False, amend=True)


def test_a_conflict_is_rebuilt_on_the_new_base():
    before = _seen(conflicts=True)
    assert _step(WANTED, before) == Refresh(before, WANTED, push=True, amend=False)


def test_a_body_whose_mark_a_person_removed_is_written_again():
    before = _seen(body="thanks")
    assert _step(WANTED, before) == Refresh(before, WANTED, push=False, amend=True)


def test_a_mark_that_names_other_targets_than_the_commit_proposes_is_written_again():
    before = _seen(targets=TARGETS_BEFORE)
    assert _step(WANTED, before) == Refresh(before, WANTED, push=False, amend=True)


def test_not_wanted_any_more_is_closed_with_the_reason():
    assert _step(NOT_WANTED, _seen()) == Close(_seen(), NOT_WANTED.why)


def test_a_close_killed_after_its_mark_goes_on():
    before = _seen(withdrawn=True)
    assert _step(NOT_WANTED, before) == Close(before, NOT_WANTED.why)


def test_a_close_killed_after_its_mark_is_taken_back_when_it_is_wanted_again():
    before = _seen(withdrawn=True)
    assert _step(WANTED, before) == Refresh(before, WANTED, push=False, amend=True)


@pytest.mark.parametrize("wanted", [WANTED, NOT_WANTED])
def test_a_persons_commit_means_hands_off_and_is_said_once(wanted):
    edited = _seen(intent=None)
    assert _step(wanted, edited) == Leave(BRANCH, LeaveReason.EDITED, edited, tell=True)
    told = _seen(intent=None, told=True)
    assert _step(wanted, told) == Leave(BRANCH, LeaveReason.EDITED, told)


TICKED = f"- [x] <!-- basebump:rebase --> words\n\n{mark(TARGETS, REPORT, withdrawn=False)}"


def test_a_ticked_box_rebuilds_the_branch_whoever_committed_to_it_and_is_cleared():
    for more in ({}, {"intent": None}, {"accepted": True, "committed": NOW}):
        before = _seen(body=TICKED, **more)
        assert _step(WANTED, before) == Refresh(before, WANTED, push=True, amend=True)
    asked = replace(WANTED, asks=frozenset({Ask.REBASE}))
    edited = _seen(intent=None)
    assert _step(asked, edited) == Refresh(edited, asked, push=True, amend=False)


def test_a_ticked_box_does_not_rebuild_what_is_unknown_or_not_wanted():
    before = _seen(body=TICKED)
    assert _step(WANTED, before, known=False) == Leave(BRANCH, LeaveReason.UNKNOWN, before)
    assert _step(NOT_WANTED, before) == Close(before, NOT_WANTED.why)


def test_a_ticked_box_costs_nobody_their_commits_where_there_is_nothing_to_rebuild():
    edited = _seen(body=TICKED, intent=None)
    assert _step(NOT_WANTED, edited) == Leave(BRANCH, LeaveReason.EDITED, edited, tell=True)


def test_what_was_declined_comes_back_when_somebody_asks_for_it():
    again = replace(WANTED, asks=frozenset({Ask.AGAIN}), on_close=OnClose.LINE)
    assert _step(again, _seen(RequestState.CLOSED)) == Open(again, push=True)
    assert _step(again, _seen(RequestState.CLOSED, targets=TARGETS_BEFORE)) == Open(again, push=True)


def test_a_label_rebuilds_and_is_answered_though_the_words_stay():
    before = _seen(intent=None, asks=frozenset({Ask.REBASE}))
    assert _step(WANTED, before) == Refresh(before, WANTED, push=True, amend=True)
    pointless = _seen(asks=frozenset({Ask.AGAIN}))
    assert _step(WANTED, pointless) == Refresh(pointless, WANTED, push=False, amend=True)


def test_a_label_brings_back_only_from_the_newest_request():
    closed = _seen(RequestState.CLOSED)
    labelled = replace(closed, asks=frozenset({Ask.AGAIN}))
    again = replace(WANTED, asks=frozenset({Ask.AGAIN}))
    assert _step(WANTED, labelled, closed) == Open(again, push=True)
    assert _step(WANTED, closed, labelled) == Leave(BRANCH, LeaveReason.DECLINED, closed)


@pytest.mark.parametrize("wanted", [WANTED, NOT_WANTED])
def test_what_was_not_wholly_looked_at_is_left_exactly_as_it_is(wanted):
    before = _seen(intent="9" * 16)
    assert _step(wanted, before, known=False) == Leave(BRANCH, LeaveReason.UNKNOWN, before)


def test_an_accepted_proposal_is_not_refreshed_at_once():
    before = _seen(intent="9" * 16, accepted=True, committed=NOW - timedelta(days=1))
    assert _step(WANTED, before) == Leave(BRANCH, LeaveReason.ACCEPTED, before)


def test_an_accepted_proposal_is_refreshed_when_it_is_due():
    before = _seen(intent="9" * 16, accepted=True, committed=NOW - WANTED.refresh_every)
    assert _step(WANTED, before) == Refresh(before, WANTED, push=True, amend=False)
    patient = replace(WANTED, refresh_every=WANTED.refresh_every + timedelta(minutes=1))
    assert _step(patient, before) == Leave(BRANCH, LeaveReason.ACCEPTED, before)


def test_an_accepted_proposal_is_refreshed_at_once_where_that_is_urgent():
    before, urgent = _seen(intent="9" * 16, accepted=True, committed=NOW), replace(WANTED, is_urgent=True)
    assert _step(urgent, before) == Refresh(before, urgent, push=True, amend=False)


def test_a_digest_that_only_became_old_enough_waits_too():
    before = _seen(intent="9" * 16, targets=TARGETS_BEFORE, committed=NOW - timedelta(days=6))
    sliding = replace(WANTED, slides=True)
    assert _step(sliding, before) == Leave(BRANCH, LeaveReason.SLIDING, before)
    assert _step(WANTED, before) == Refresh(before, WANTED, push=True, amend=True)
    due = replace(before, committed=NOW - timedelta(days=7))
    assert _step(sliding, due) == Refresh(due, sliding, push=True, amend=True)
    in_conflict = replace(before, conflicts=True)
    assert _step(sliding, in_conflict) == Refresh(in_conflict, sliding, push=True, amend=True)


def test_another_image_in_a_group_is_more_than_sliding():
    before = _seen(intent="9" * 16, targets=("docker.io/library/redis:7@x",), committed=NOW)
    sliding = replace(WANTED, slides=True)
    assert _step(sliding, before) == Refresh(before, sliding, push=True, amend=True)


def test_an_accepted_proposal_still_gets_new_evidence():
    before = _seen(report="9" * 15 + "0", accepted=True, committed=NOW)
    assert _step(WANTED, before) == Refresh(before, WANTED, push=False, amend=True)


def test_what_a_person_closed_is_declined():
    closed = _seen(RequestState.CLOSED)
    assert _step(WANTED, closed) == Leave(BRANCH, LeaveReason.DECLINED, closed)


def test_what_a_person_closed_mutes_its_lines_where_the_policy_says_so_until_that_is_urgent():
    muting = replace(WANTED, on_close=OnClose.LINE)
    before = _seen(RequestState.CLOSED, targets=TARGETS_BEFORE)
    assert _step(muting, before) == Leave(BRANCH, LeaveReason.MUTED, before)
    urgent = replace(muting, is_urgent=True)
    assert _step(urgent, before) == Open(urgent, push=True)
    withdrawn = _seen(RequestState.CLOSED, targets=TARGETS_BEFORE, withdrawn=True)
    assert _step(muting, withdrawn) == Open(muting, push=True, withdrawn=withdrawn)
    other = _seen(RequestState.CLOSED, targets=("docker.io/library/redis:7@x",))
    assert _step(muting, other) == Open(muting, push=True)


def test_what_was_closed_because_its_branch_vanished_is_offered_again():
    before = _seen(RequestState.CLOSED, vanished=True)
    for wanted in (WANTED, replace(WANTED, is_first=True), replace(WANTED, on_close=OnClose.LINE)):
        assert _step(wanted, before) == Open(wanted, push=True)


def test_the_next_digest_is_offered_after_a_decline():
    assert _step(WANTED, _seen(RequestState.CLOSED, targets=("x@y",))) == Open(WANTED, push=True)


def test_a_decline_is_equality_of_target_sets():
    more = (*TARGETS, f"docker.io/library/redis:7@{digest('redis')}")
    assert _step(WANTED, _seen(RequestState.CLOSED, targets=more)) == Open(WANTED, push=True)


def test_an_older_decline_still_counts():
    newest, older = _seen(RequestState.CLOSED, targets=("x@y",), number=9), _seen(RequestState.CLOSED)
    assert _step(WANTED, newest, older) == Leave(BRANCH, LeaveReason.DECLINED, older)


def test_what_we_closed_is_no_decline_and_the_new_request_names_it():
    ours = _seen(RequestState.CLOSED, withdrawn=True)
    assert _step(WANTED, ours) == Open(WANTED, push=True, withdrawn=ours)


def test_a_closed_request_without_a_mark_declines_nothing():
    assert _step(WANTED, _seen(RequestState.CLOSED, body="")) == Open(WANTED, push=True)


def test_a_merged_request_declines_nothing():
    assert _step(WANTED, _seen(RequestState.MERGED)) == Open(WANTED, push=True)


def test_a_branch_without_a_request_is_opened_if_wanted():
    branch = _seen(RequestState.BRANCH)
    assert _step(WANTED, branch) == Open(WANTED, push=False, over=branch)


@pytest.mark.parametrize("more", [{"intent": "9" * 16}, {"conflicts": True}])
def test_a_branch_that_holds_something_else_or_conflicts_is_pushed_first(more):
    branch = _seen(RequestState.BRANCH, **more)
    assert _step(WANTED, branch) == Open(WANTED, push=True, over=branch)


def test_a_branch_that_was_merged_and_is_wanted_again_is_pushed_anew():
    merged, branch = _seen(RequestState.MERGED), _seen(RequestState.BRANCH)
    assert _step(WANTED, merged, branch) == Open(WANTED, push=True, over=branch)


def test_a_branch_without_a_request_is_swept_if_not_wanted():
    branch = _seen(RequestState.BRANCH)
    assert _step(NOT_WANTED, branch) == Sweep(branch)


def test_a_branch_is_not_swept_when_not_all_was_looked_at():
    branch = _seen(RequestState.BRANCH)
    assert _step(NOT_WANTED, branch, known=False) == Leave(BRANCH, LeaveReason.UNKNOWN, branch)


@pytest.mark.parametrize("wanted", [WANTED, NOT_WANTED])
def test_a_branch_with_a_persons_commit_is_left(wanted):
    branch = _seen(RequestState.BRANCH, intent=None)
    assert _step(wanted, branch) == Leave(BRANCH, LeaveReason.TAKEN, branch)


def test_a_declined_branch_that_still_stands_is_left_for_the_person_who_may_reopen():
    closed, branch = _seen(RequestState.CLOSED), _seen(RequestState.BRANCH)
    assert _step(WANTED, closed, branch) == Leave(BRANCH, LeaveReason.DECLINED, closed)


def test_an_open_request_wins_over_older_ones():
    assert _step(WANTED, _seen(number=9), _seen(RequestState.CLOSED)) == Leave(
        BRANCH, LeaveReason.UNCHANGED, _seen(number=9)
    )


# When the base moves on


@pytest.mark.parametrize(
    ("rebase", "conflicts", "behind", "strict", "rebuilt"),
    [
        (Rebase.AUTO, False, True, False, False),
        (Rebase.AUTO, False, True, True, True),
        (Rebase.AUTO, False, False, True, False),
        (Rebase.AUTO, True, True, False, True),
        (Rebase.ALWAYS, False, True, False, True),
        (Rebase.ALWAYS, False, False, False, False),
        (Rebase.ALWAYS, True, True, False, True),
        (Rebase.NEVER, False, True, True, False),
        (Rebase.NEVER, True, True, True, False),
    ],
)
def test_what_the_base_became_is_reason_enough_or_not(rebase, conflicts, behind, strict, rebuilt):
    before, wanted = _seen(conflicts=conflicts, behind=behind, strict=strict), replace(WANTED, rebase=rebase)
    expected = Refresh(before, wanted, push=True, amend=False) if rebuilt else None
    assert _step(wanted, before) == (expected or Leave(BRANCH, LeaveReason.UNCHANGED, before))


@pytest.mark.parametrize("rebase", [Rebase.AUTO, Rebase.ALWAYS])
def test_an_accepted_proposal_is_not_rebuilt_only_because_it_is_behind(rebase):
    before = _seen(behind=True, strict=True, accepted=True, committed=NOW)
    assert _step(replace(WANTED, rebase=rebase), before) == Leave(BRANCH, LeaveReason.ACCEPTED, before)


def test_what_has_to_be_rebuilt_anyway_waits_for_no_age():
    before = _seen(intent="9" * 16, targets=TARGETS_BEFORE, committed=NOW, behind=True, strict=True)
    sliding = replace(WANTED, slides=True)
    assert _step(sliding, before) == Refresh(before, sliding, push=True, amend=True)


def test_never_rebuilding_still_follows_the_tag():
    before, wanted = _seen(intent="9" * 16, conflicts=True), replace(WANTED, rebase=Rebase.NEVER)
    assert _step(wanted, before) == Refresh(before, wanted, push=True, amend=False)


def test_never_rebuilding_leaves_an_accepted_proposal_that_conflicts():
    before, wanted = _seen(intent="9" * 16, conflicts=True, accepted=True, committed=NOW), WANTED
    wanted = replace(WANTED, rebase=Rebase.NEVER)
    assert _step(wanted, before) == Leave(BRANCH, LeaveReason.ACCEPTED, before)


# What it has besides its words


LABELLED = replace(WANTED, extras=Extras(labels=("docker",), reviewers=("ada",), milestone="Next"))


def test_what_a_killed_run_did_not_set_is_set_by_the_next():
    before = _seen(ever=Extras(labels=("docker",)), opened=NOW - timedelta(days=1))
    missing = Extras(reviewers=("ada",), milestone="Next")
    assert _step(LABELLED, before) == Refresh(before, LABELLED, push=False, amend=False, extras=missing)


def test_what_was_ever_set_is_not_set_again():
    before = _seen(ever=LABELLED.extras, opened=NOW)
    assert _step(LABELLED, before) == Leave(BRANCH, LeaveReason.UNCHANGED, before)


def test_what_the_forge_refuses_is_tried_for_two_days_and_with_every_refresh():
    before = _seen(ever=Extras(), opened=NOW - timedelta(days=2))
    assert _step(LABELLED, before) == Leave(BRANCH, LeaveReason.UNCHANGED, before)
    moved = replace(before, intent="9" * 16)
    assert _step(LABELLED, moved) == Refresh(moved, LABELLED, push=True, amend=False, extras=LABELLED.extras)


def test_what_a_refreshed_request_lacks_is_tried_for_two_days_after_our_commit():
    before = _seen(ever=Extras(), opened=NOW - timedelta(days=9), committed=NOW - timedelta(days=1))
    assert _step(LABELLED, before).extras == LABELLED.extras
    assert _step(LABELLED, replace(before, committed=NOW - timedelta(days=2))).reason is LeaveReason.UNCHANGED


def test_where_nobody_can_say_what_was_set_nothing_is_set_again():
    before = _seen(ever=None, opened=NOW)
    assert _step(LABELLED, before) == Leave(BRANCH, LeaveReason.UNCHANGED, before)


# Merging by itself


ARMED_BODY = f"text\n\n{mark(TARGETS, REPORT, withdrawn=False, automerge=True)}"
MERGING = replace(WANTED, extras=Extras(automerge=True))


def test_what_may_merge_by_itself_is_armed_once():
    before = _seen(body=ARMED_BODY, ever=Extras(), opened=NOW)
    assert _step(MERGING, before).extras == Extras(automerge=True)
    disarmed_by_a_person = _seen(body=ARMED_BODY, ever=Extras(automerge=True), opened=NOW)
    assert _step(MERGING, disarmed_by_a_person) == Leave(BRANCH, LeaveReason.UNCHANGED, disarmed_by_a_person)


def test_what_comes_to_hold_its_conditions_later_is_armed_with_the_new_text():
    before = _seen(ever=Extras(), opened=NOW - timedelta(days=9))
    assert _step(MERGING, before) == Refresh(before, MERGING, push=False, amend=True, extras=Extras(automerge=True))


def test_what_we_armed_is_not_accepted_and_moves_on():
    before = _seen(body=ARMED_BODY, intent="9" * 16, armed=True, ever=Extras(automerge=True), committed=NOW)
    assert _step(MERGING, before) == Refresh(before, MERGING, push=True, amend=False)


@pytest.mark.parametrize("intent", [INTENT, "9" * 16])
def test_what_no_longer_holds_its_conditions_is_disarmed(intent):
    before = _seen(body=ARMED_BODY, intent=intent, armed=True, ever=Extras(automerge=True), committed=NOW)
    expected = Refresh(before, WANTED, push=intent != INTENT, amend=True, extras=Extras(automerge=False))
    assert _step(WANTED, before) == expected


def test_what_somebody_armed_with_the_account_that_we_use_is_accepted_and_stays_armed():
    before = _seen(intent="9" * 16, armed=True, ever=Extras(automerge=True), committed=NOW)
    assert _step(WANTED, before) == Leave(BRANCH, LeaveReason.ACCEPTED, before)
