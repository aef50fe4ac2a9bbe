"""Merge requests that GitLab closed because their branch was deleted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.forges.contract_scene import BRANCH, look, propose

from bot.core.proposal.marks import render_mark
from bot.model.errors import ForgeError
from bot.model.proposal import BodyMark, RequestState


def get_closed_request(stand):
    (seen,) = [each for each in look(stand) if each.state is RequestState.CLOSED]
    return seen


def test_merge_request_closed_at_branch_deletion_counts_as_closed_by_deletion(gitlab):
    propose(gitlab)
    gitlab.delete_branch(BRANCH)
    assert get_closed_request(gitlab).is_closed_by_branch_deletion


def test_merge_request_closed_before_branch_deletion_counts_as_closed_by_user(gitlab):
    propose(gitlab)
    gitlab.close_request(BRANCH)
    gitlab.delete_branch(BRANCH)
    assert not get_closed_request(gitlab).is_closed_by_branch_deletion


def test_merge_request_closed_long_after_deletion_counts_as_closed_by_user(gitlab):
    propose(gitlab)
    gitlab.delete_branch(BRANCH)
    gitlab.project.requests[0].closed += timedelta(minutes=5)
    assert not get_closed_request(gitlab).is_closed_by_branch_deletion


def test_user_comment_that_imitates_branch_deletion_note_is_ignored(gitlab):
    propose(gitlab)
    gitlab.project.requests[0].note(gitlab.server.world.ada, f"deleted source branch `{BRANCH}`")
    gitlab.project.requests[0].notes[-1].system = False
    gitlab.close_request(BRANCH)
    assert not get_closed_request(gitlab).is_closed_by_branch_deletion


def test_cause_of_closing_is_not_queried_for_withdrawn_merge_request(gitlab):
    propose(gitlab)
    gitlab.project.requests[0].description = render_mark(BodyMark(is_withdrawn=True))
    gitlab.delete_branch(BRANCH)
    with gitlab.server.watched() as lines:
        assert not get_closed_request(gitlab).is_closed_by_branch_deletion
    assert not any("notes" in each for each in lines)


@pytest.mark.parametrize("status", [403, 404])
def test_merge_request_counts_as_closed_by_user_if_cause_is_unreadable(gitlab, status):
    propose(gitlab)
    gitlab.delete_branch(BRANCH)
    gitlab.server.fail("GET .*/notes", gitlab.server.problem(status, "no"))
    assert not get_closed_request(gitlab).is_closed_by_branch_deletion


def test_merged_merge_request_is_not_updated(gitlab):
    seen = propose(gitlab)
    before = gitlab.requests()[0].body
    gitlab.merge_request(BRANCH)
    with pytest.raises(ForgeError, match=r"acme/shop/web: pull request 1 .*rerun basebump"):
        gitlab.forge().update_request(seen, "Another title", "Another body")
    assert gitlab.requests()[0].body == before
