"""Tests of the lifecycle of a proposal. Each row of a table is one case."""

from dataclasses import replace
from datetime import timedelta

import pytest
from support.core.lifecycle_scene import (
    BRANCH,
    NOT_WANTED,
    NOW,
    REPORT,
    TARGETS,
    TARGETS_BEFORE,
    WANTED,
    build_remote_request,
    find_next_step,
)
from support.values import digest

from bot.core.proposal.marks import render_mark
from bot.model.dashboard import RequestedAction
from bot.model.modes import OnClose, Rebase
from bot.model.proposal import (
    BodyMark,
    CloseStep,
    DeleteBranch,
    NoChange,
    NoChangeReason,
    OpenStep,
    RequestState,
    UpdateStep,
)
from bot.model.request_attributes import RequestAttributes


def test_desired_proposal_without_pull_request_is_opened():
    assert find_next_step(WANTED) == OpenStep(WANTED, must_push=True)


def test_undesired_proposal_without_pull_request_needs_no_step():
    assert find_next_step(NOT_WANTED) is None


def test_up_to_date_pull_request_is_unchanged():
    assert find_next_step(WANTED, build_remote_request()) == NoChange(
        BRANCH, NoChangeReason.UNCHANGED, build_remote_request()
    )


def test_branch_is_pushed_and_body_updated_when_intent_and_evidence_changed():
    before = build_remote_request(intent="9" * 16, report="9" * 15 + "0")
    assert find_next_step(WANTED, before) == UpdateStep(before, WANTED, must_push=True, must_update_text=True)


def test_new_evidence_updates_body_without_push():
    before = build_remote_request(report="9" * 15 + "0")
    assert find_next_step(WANTED, before) == UpdateStep(before, WANTED, must_push=False, must_update_text=True)


def test_text_is_not_replaced_by_text_with_less_evidence_on_same_update():
    before, uncertain = (
        build_remote_request(report=f"{REPORT[:8]}99999990"),
        replace(WANTED, report_fingerprint=f"{REPORT[:15]}1"),
    )
    assert find_next_step(uncertain, before) == NoChange(BRANCH, NoChangeReason.UNCHANGED, before)
    killed = build_remote_request(report="9" * 15 + "0")
    assert find_next_step(uncertain, killed) == UpdateStep(killed, uncertain, must_push=False, must_update_text=True)


def test_approved_proposal_with_conflicts_is_rebuilt_at_once():
    before = build_remote_request(has_conflicts=True, is_accepted=True, committed_at=NOW)
    assert find_next_step(WANTED, before) == UpdateStep(before, WANTED, must_push=True, must_update_text=False)


def test_text_not_updated_by_killed_run_is_updated_by_next_run():
    before = build_remote_request(report="9" * 15 + "0", targets=("other",))
    assert find_next_step(WANTED, before) == UpdateStep(before, WANTED, must_push=False, must_update_text=True)


def test_pull_request_with_conflicts_is_rebuilt_on_new_base():
    before = build_remote_request(has_conflicts=True)
    assert find_next_step(WANTED, before) == UpdateStep(before, WANTED, must_push=True, must_update_text=False)


def test_body_without_mark_is_rewritten():
    before = build_remote_request(body="thanks")
    assert find_next_step(WANTED, before) == UpdateStep(before, WANTED, must_push=False, must_update_text=True)


def test_mark_that_names_other_targets_than_commit_is_rewritten():
    before = build_remote_request(targets=TARGETS_BEFORE)
    assert find_next_step(WANTED, before) == UpdateStep(before, WANTED, must_push=False, must_update_text=True)


def test_undesired_pull_request_is_closed_with_reason():
    assert find_next_step(NOT_WANTED, build_remote_request()) == CloseStep(build_remote_request(), NOT_WANTED.reason)


def test_pull_request_with_deleted_branch_is_opened_again_if_desired_or_is_closed():
    before = build_remote_request(head=None, intent=None)
    assert find_next_step(NOT_WANTED, before) == CloseStep(before, NOT_WANTED.reason)
    assert find_next_step(NOT_WANTED, before, known=False) is None
    assert find_next_step(WANTED, before) == OpenStep(WANTED, must_push=True)


def test_pull_request_already_marked_as_withdrawn_is_closed_by_the_next_run():
    before = build_remote_request(withdrawn=True)
    assert find_next_step(NOT_WANTED, before) == CloseStep(before, NOT_WANTED.reason)


def test_withdrawn_mark_of_interrupted_close_is_removed_if_proposal_is_desired():
    before = build_remote_request(withdrawn=True)
    assert find_next_step(WANTED, before) == UpdateStep(before, WANTED, must_push=False, must_update_text=True)


@pytest.mark.parametrize("wanted", [WANTED, NOT_WANTED])
def test_pull_request_with_user_commit_is_unchanged_and_commented_once(wanted):
    edited = build_remote_request(intent=None)
    assert find_next_step(wanted, edited) == NoChange(BRANCH, NoChangeReason.EDITED, edited, must_comment=True)
    told = build_remote_request(intent=None, has_commented=True)
    assert find_next_step(wanted, told) == NoChange(BRANCH, NoChangeReason.EDITED, told)


TICKED = f"- [x] <!-- basebump:rebase --> words\n\n{render_mark(BodyMark(TARGETS, REPORT))}"


def test_ticked_checkbox_rebuilds_branch_and_is_cleared():
    for more in ({}, {"intent": None}, {"is_accepted": True, "committed_at": NOW}):
        before = build_remote_request(body=TICKED, **more)
        assert find_next_step(WANTED, before) == UpdateStep(before, WANTED, must_push=True, must_update_text=True)
    asked = replace(WANTED, requested_actions=frozenset({RequestedAction.REBASE}))
    before = build_remote_request()
    assert find_next_step(asked, before) == UpdateStep(before, asked, must_push=True, must_update_text=False)


def test_rebase_by_label_or_dashboard_does_not_discard_commits_of_users():
    asked = replace(WANTED, requested_actions=frozenset({RequestedAction.REBASE}))
    edited = build_remote_request(intent=None)
    assert find_next_step(asked, edited) == NoChange(BRANCH, NoChangeReason.EDITED, edited, must_comment=True)
    labelled = build_remote_request(intent=None, requested_actions=frozenset({RequestedAction.REBASE}))
    assert find_next_step(WANTED, labelled) == NoChange(BRANCH, NoChangeReason.EDITED, labelled, must_comment=True)


def test_checkbox_in_pull_request_opened_by_stranger_does_not_discard_commits():
    """Everyone who can read a repository can open a request for an existing branch, and edit its text."""
    opened_by_a_stranger = build_remote_request(body=TICKED, intent=None, is_own=False)
    left = NoChange(BRANCH, NoChangeReason.EDITED, opened_by_a_stranger, must_comment=True)
    assert find_next_step(WANTED, opened_by_a_stranger) == left


@pytest.mark.parametrize("has_mark", [True, False])
@pytest.mark.parametrize("desired", [WANTED, NOT_WANTED])
@pytest.mark.parametrize("known", [True, False])
def test_automerge_is_disabled_on_branch_that_user_changed(has_mark, desired, known):
    body = render_mark(BodyMark(TARGETS, REPORT, has_automerge=has_mark))
    edited = build_remote_request(intent=None, body=body, has_automerge=True, has_commented=True)
    left = NoChange(BRANCH, NoChangeReason.EDITED, edited, attributes=RequestAttributes(automerge=False))
    assert find_next_step(desired, edited, known=known) == left


def test_automerge_is_disabled_when_digests_on_approved_branch_are_not_confirmed():
    body = render_mark(BodyMark(TARGETS_BEFORE, REPORT, has_automerge=True))
    waits = build_remote_request(intent="9" * 16, body=body, has_automerge=True, is_accepted=True, committed_at=NOW)
    assert find_next_step(WANTED, waits) == NoChange(BRANCH, NoChangeReason.ACCEPTED, waits)
    unknown = replace(waits, is_confirmed=False)
    left = NoChange(BRANCH, NoChangeReason.ACCEPTED, unknown, attributes=RequestAttributes(automerge=False))
    assert find_next_step(WANTED, unknown) == left


@pytest.mark.parametrize("desired", [WANTED, NOT_WANTED])
def test_automerge_is_disabled_for_unmarked_digest_while_data_is_unknown(desired):
    """An unconfirmed digest may only be unconfirmed because a registry does not respond."""
    body = render_mark(BodyMark(TARGETS_BEFORE, REPORT, has_automerge=True))
    unconfirmed = build_remote_request(intent="9" * 16, body=body, has_automerge=True, is_confirmed=False)
    assert find_next_step(desired, unconfirmed, known=False).attributes.automerge is None
    unmarked = replace(unconfirmed, is_as_marked=False)
    assert find_next_step(desired, unmarked, known=False).attributes.automerge is False


def test_approved_pull_request_is_rebuilt_when_text_names_other_digests():
    accepted = build_remote_request(intent="9" * 16, is_accepted=True, committed_at=NOW)
    assert find_next_step(WANTED, accepted).reason is NoChangeReason.ACCEPTED
    misleading = replace(accepted, is_as_marked=False)
    assert find_next_step(WANTED, misleading) == UpdateStep(misleading, WANTED, must_push=True, must_update_text=False)


def test_ticked_checkbox_does_not_rebuild_unknown_or_undesired_proposal():
    before = build_remote_request(body=TICKED)
    assert find_next_step(WANTED, before, known=False) == NoChange(BRANCH, NoChangeReason.UNKNOWN, before)
    assert find_next_step(NOT_WANTED, before) == CloseStep(before, NOT_WANTED.reason)


def test_ticked_checkbox_keeps_user_commits_of_undesired_proposal():
    edited = build_remote_request(body=TICKED, intent=None)
    assert find_next_step(NOT_WANTED, edited) == NoChange(BRANCH, NoChangeReason.EDITED, edited, must_comment=True)


def test_declined_proposal_is_opened_again_when_user_asks():
    again = replace(WANTED, requested_actions=frozenset({RequestedAction.AGAIN}), on_close=OnClose.LINE)
    assert find_next_step(again, build_remote_request(RequestState.CLOSED)) == OpenStep(again, must_push=True)
    assert find_next_step(again, build_remote_request(RequestState.CLOSED, targets=TARGETS_BEFORE)) == OpenStep(
        again, must_push=True
    )


def test_rebase_label_rebuilds_branch_and_updates_text():
    before = build_remote_request(requested_actions=frozenset({RequestedAction.REBASE}))
    assert find_next_step(WANTED, before) == UpdateStep(before, WANTED, must_push=True, must_update_text=True)
    pointless = build_remote_request(requested_actions=frozenset({RequestedAction.AGAIN}))
    assert find_next_step(WANTED, pointless) == UpdateStep(pointless, WANTED, must_push=False, must_update_text=True)


def test_only_label_on_newest_pull_request_opens_proposal_again():
    closed = build_remote_request(RequestState.CLOSED)
    labelled = replace(closed, requested_actions=frozenset({RequestedAction.AGAIN}))
    again = replace(WANTED, requested_actions=frozenset({RequestedAction.AGAIN}))
    assert find_next_step(WANTED, labelled, closed) == OpenStep(again, must_push=True)
    assert find_next_step(WANTED, closed, labelled) == NoChange(BRANCH, NoChangeReason.DECLINED, closed)


@pytest.mark.parametrize("wanted", [WANTED, NOT_WANTED])
def test_pull_request_is_unchanged_when_decisions_are_unknown(wanted):
    before = build_remote_request(intent="9" * 16)
    assert find_next_step(wanted, before, known=False) == NoChange(BRANCH, NoChangeReason.UNKNOWN, before)


def test_approved_proposal_is_not_refreshed_before_interval_has_passed():
    before = build_remote_request(intent="9" * 16, is_accepted=True, committed_at=NOW - timedelta(days=1))
    assert find_next_step(WANTED, before) == NoChange(BRANCH, NoChangeReason.ACCEPTED, before)


def test_approved_proposal_is_refreshed_when_interval_has_passed():
    before = build_remote_request(intent="9" * 16, is_accepted=True, committed_at=NOW - WANTED.refresh_every)
    assert find_next_step(WANTED, before) == UpdateStep(before, WANTED, must_push=True, must_update_text=False)
    patient = replace(WANTED, refresh_every=WANTED.refresh_every + timedelta(minutes=1))
    assert find_next_step(patient, before) == NoChange(BRANCH, NoChangeReason.ACCEPTED, before)


def test_approved_proposal_is_refreshed_at_once_when_urgent():
    before, urgent = (
        build_remote_request(intent="9" * 16, is_accepted=True, committed_at=NOW),
        replace(WANTED, is_urgent=True),
    )
    assert find_next_step(urgent, before) == UpdateStep(before, urgent, must_push=True, must_update_text=False)


def test_newer_digest_that_only_became_old_enough_waits_for_refresh_interval():
    before = build_remote_request(intent="9" * 16, targets=TARGETS_BEFORE, committed_at=NOW - timedelta(days=6))
    sliding = replace(WANTED, is_only_aged=True)
    assert find_next_step(sliding, before) == NoChange(BRANCH, NoChangeReason.SLIDING, before)
    assert find_next_step(WANTED, before) == UpdateStep(before, WANTED, must_push=True, must_update_text=True)
    due = replace(before, committed_at=NOW - timedelta(days=7))
    assert find_next_step(sliding, due) == UpdateStep(due, sliding, must_push=True, must_update_text=True)
    in_conflict = replace(before, has_conflicts=True)
    assert find_next_step(sliding, in_conflict) == UpdateStep(
        in_conflict, sliding, must_push=True, must_update_text=True
    )


def test_group_that_gains_another_image_does_not_wait_for_refresh_interval():
    before = build_remote_request(intent="9" * 16, targets=("docker.io/library/redis:7@x",), committed_at=NOW)
    sliding = replace(WANTED, is_only_aged=True)
    assert find_next_step(sliding, before) == UpdateStep(before, sliding, must_push=True, must_update_text=True)


def test_approved_proposal_gets_text_with_new_evidence():
    before = build_remote_request(report="9" * 15 + "0", is_accepted=True, committed_at=NOW)
    assert find_next_step(WANTED, before) == UpdateStep(before, WANTED, must_push=False, must_update_text=True)


def test_pull_request_closed_by_user_counts_as_declined():
    closed = build_remote_request(RequestState.CLOSED)
    assert find_next_step(WANTED, closed) == NoChange(BRANCH, NoChangeReason.DECLINED, closed)


def test_closed_pull_request_mutes_tags_until_urgent_update_if_config_says_line():
    muting = replace(WANTED, on_close=OnClose.LINE)
    before = build_remote_request(RequestState.CLOSED, targets=TARGETS_BEFORE)
    assert find_next_step(muting, before) == NoChange(BRANCH, NoChangeReason.MUTED, before)
    urgent = replace(muting, is_urgent=True)
    assert find_next_step(urgent, before) == OpenStep(urgent, must_push=True)
    withdrawn = build_remote_request(RequestState.CLOSED, targets=TARGETS_BEFORE, withdrawn=True)
    assert find_next_step(muting, withdrawn) == OpenStep(muting, must_push=True, withdrawn_request=withdrawn)
    other = build_remote_request(RequestState.CLOSED, targets=("docker.io/library/redis:7@x",))
    assert find_next_step(muting, other) == OpenStep(muting, must_push=True)


def test_pull_request_closed_by_branch_deletion_is_opened_again():
    before = build_remote_request(RequestState.CLOSED, is_closed_by_branch_deletion=True)
    for wanted in (WANTED, replace(WANTED, is_onboarding=True), replace(WANTED, on_close=OnClose.LINE)):
        assert find_next_step(wanted, before) == OpenStep(wanted, must_push=True)


def test_next_digest_is_proposed_after_previous_digest_was_declined():
    assert find_next_step(WANTED, build_remote_request(RequestState.CLOSED, targets=("x@y",))) == OpenStep(
        WANTED, must_push=True
    )


def test_declined_set_of_targets_does_not_decline_a_subset():
    more = (*TARGETS, f"docker.io/library/redis:7@{digest('redis')}")
    assert find_next_step(WANTED, build_remote_request(RequestState.CLOSED, targets=more)) == OpenStep(
        WANTED, must_push=True
    )


def test_older_decline_of_same_targets_still_counts():
    newest, older = (
        build_remote_request(RequestState.CLOSED, targets=("x@y",), number=9),
        build_remote_request(RequestState.CLOSED),
    )
    assert find_next_step(WANTED, newest, older) == NoChange(BRANCH, NoChangeReason.DECLINED, older)


def test_pull_request_closed_by_basebump_does_not_count_as_declined_and_is_linked():
    ours = build_remote_request(RequestState.CLOSED, withdrawn=True)
    assert find_next_step(WANTED, ours) == OpenStep(WANTED, must_push=True, withdrawn_request=ours)


def test_closed_pull_request_without_mark_does_not_count_as_declined():
    assert find_next_step(WANTED, build_remote_request(RequestState.CLOSED, body="")) == OpenStep(
        WANTED, must_push=True
    )


def test_merged_pull_request_does_not_count_as_declined():
    assert find_next_step(WANTED, build_remote_request(RequestState.MERGED)) == OpenStep(WANTED, must_push=True)


def test_desired_branch_without_pull_request_is_opened_without_push():
    branch = build_remote_request(RequestState.BRANCH)
    assert find_next_step(WANTED, branch) == OpenStep(WANTED, must_push=False, existing_branch=branch)


@pytest.mark.parametrize("more", [{"intent": "9" * 16}, {"has_conflicts": True}])
def test_branch_with_other_content_or_conflicts_is_pushed_before_opening(more):
    branch = build_remote_request(RequestState.BRANCH, **more)
    assert find_next_step(WANTED, branch) == OpenStep(WANTED, must_push=True, existing_branch=branch)


def test_branch_of_merged_pull_request_is_pushed_again_when_desired():
    merged, branch = build_remote_request(RequestState.MERGED), build_remote_request(RequestState.BRANCH)
    assert find_next_step(WANTED, merged, branch) == OpenStep(WANTED, must_push=True, existing_branch=branch)


def test_undesired_branch_without_pull_request_is_deleted():
    branch = build_remote_request(RequestState.BRANCH)
    assert find_next_step(NOT_WANTED, branch) == DeleteBranch(branch)


def test_branch_is_not_deleted_when_decisions_are_unknown():
    branch = build_remote_request(RequestState.BRANCH)
    assert find_next_step(NOT_WANTED, branch, known=False) == NoChange(BRANCH, NoChangeReason.UNKNOWN, branch)


@pytest.mark.parametrize("wanted", [WANTED, NOT_WANTED])
def test_branch_with_user_commit_and_no_pull_request_is_unchanged(wanted):
    branch = build_remote_request(RequestState.BRANCH, intent=None)
    assert find_next_step(wanted, branch) == NoChange(BRANCH, NoChangeReason.TAKEN, branch)


def test_existing_branch_of_declined_pull_request_is_unchanged():
    closed, branch = build_remote_request(RequestState.CLOSED), build_remote_request(RequestState.BRANCH)
    assert find_next_step(WANTED, closed, branch) == NoChange(BRANCH, NoChangeReason.DECLINED, closed)


def test_open_pull_request_takes_precedence_over_older_closed_ones():
    assert find_next_step(
        WANTED, build_remote_request(number=9), build_remote_request(RequestState.CLOSED)
    ) == NoChange(BRANCH, NoChangeReason.UNCHANGED, build_remote_request(number=9))


# When the base branch changes


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
def test_rebase_setting_decides_whether_base_branch_changes_cause_rebuild(rebase, conflicts, behind, strict, rebuilt):
    before, wanted = (
        build_remote_request(has_conflicts=conflicts, is_behind=behind, must_be_current=strict),
        replace(WANTED, rebase=rebase),
    )
    expected = UpdateStep(before, wanted, must_push=True, must_update_text=False) if rebuilt else None
    assert find_next_step(wanted, before) == (expected or NoChange(BRANCH, NoChangeReason.UNCHANGED, before))


@pytest.mark.parametrize("rebase", [Rebase.AUTO, Rebase.ALWAYS])
def test_approved_proposal_is_not_rebuilt_only_because_branch_is_behind(rebase):
    before = build_remote_request(is_behind=True, must_be_current=True, is_accepted=True, committed_at=NOW)
    assert find_next_step(replace(WANTED, rebase=rebase), before) == NoChange(BRANCH, NoChangeReason.ACCEPTED, before)


def test_branch_that_must_be_up_to_date_does_not_wait_for_refresh_interval():
    before = build_remote_request(
        intent="9" * 16, targets=TARGETS_BEFORE, committed_at=NOW, is_behind=True, must_be_current=True
    )
    sliding = replace(WANTED, is_only_aged=True)
    assert find_next_step(sliding, before) == UpdateStep(before, sliding, must_push=True, must_update_text=True)


def test_newer_digest_of_tag_is_proposed_even_if_rebase_is_set_to_never():
    before, wanted = build_remote_request(intent="9" * 16, has_conflicts=True), replace(WANTED, rebase=Rebase.NEVER)
    assert find_next_step(wanted, before) == UpdateStep(before, wanted, must_push=True, must_update_text=False)


def test_approved_proposal_with_conflicts_is_unchanged_if_rebase_is_set_to_never():
    before, wanted = (
        build_remote_request(intent="9" * 16, has_conflicts=True, is_accepted=True, committed_at=NOW),
        WANTED,
    )
    wanted = replace(WANTED, rebase=Rebase.NEVER)
    assert find_next_step(wanted, before) == NoChange(BRANCH, NoChangeReason.ACCEPTED, before)
