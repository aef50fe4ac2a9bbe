"""Merge requests that GitLab closed because their branch was deleted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.forges.contract_scene import BRANCH, look, propose

from bot.core.proposal.marks import BodyMark, render_mark
from bot.model.errors import ForgeError
from bot.model.proposal import RequestState


def closed(stand):
    (seen,) = [each for each in look(stand) if each.state is RequestState.CLOSED]
    return seen


def test_what_ended_with_its_branch_nobody_closed(gitlab):
    propose(gitlab)
    gitlab.delete_branch(BRANCH)
    assert closed(gitlab).is_closed_by_branch_deletion


def test_what_a_person_closed_was_closed_by_that_person_though_its_branch_went_then(gitlab):
    propose(gitlab)
    gitlab.close_request(BRANCH)
    gitlab.delete_branch(BRANCH)
    assert not closed(gitlab).is_closed_by_branch_deletion


def test_what_a_person_closed_later_though_its_branch_had_been_gone_for_a_while_was_closed_by_that_person(gitlab):
    propose(gitlab)
    gitlab.delete_branch(BRANCH)
    gitlab.project.requests[0].closed += timedelta(minutes=5)
    assert not closed(gitlab).is_closed_by_branch_deletion


def test_what_somebody_says_of_it_is_no_note_of_gitlabs(gitlab):
    propose(gitlab)
    gitlab.project.requests[0].note(gitlab.server.world.ada, f"deleted source branch `{BRANCH}`")
    gitlab.project.requests[0].notes[-1].system = False
    gitlab.close_request(BRANCH)
    assert not closed(gitlab).is_closed_by_branch_deletion


def test_what_we_took_back_ourselves_is_not_asked_about(gitlab):
    propose(gitlab)
    gitlab.project.requests[0].description = render_mark(BodyMark(is_withdrawn=True))
    gitlab.delete_branch(BRANCH)
    with gitlab.server.watched() as lines:
        assert not closed(gitlab).is_closed_by_branch_deletion
    assert not any("notes" in each for each in lines)


@pytest.mark.parametrize("status", [403, 404])
def test_where_nobody_can_say_a_person_closed_it(gitlab, status):
    propose(gitlab)
    gitlab.delete_branch(BRANCH)
    gitlab.server.fail("GET .*/notes", gitlab.server.problem(status, "no"))
    assert not closed(gitlab).is_closed_by_branch_deletion


def test_a_merge_request_that_was_merged_since_keeps_its_words(gitlab):
    seen = propose(gitlab)
    before = gitlab.requests()[0].body
    gitlab.merge_request(BRANCH)
    with pytest.raises(ForgeError, match=r"acme/shop/web: request 1 .*rerun basebump"):
        gitlab.forge().update_request(seen, "Another title", "Another body")
    assert gitlab.requests()[0].body == before
