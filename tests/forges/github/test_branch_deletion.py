"""Pull requests that GitHub closed because their branch was deleted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.forges.github.graphql import GraphQL
from support.forges.github.scene import BRANCH, look, propose

from bot.core.proposal.marks import BodyMark, render_mark
from bot.model.proposal import RequestState


def closed(stand):
    (seen,) = [each for each in look(stand) if each.state is RequestState.CLOSED]
    return seen


def test_what_ended_with_its_branch_nobody_closed(github):
    propose(github)
    github.delete_branch(BRANCH)
    assert closed(github).is_closed_by_branch_deletion


def test_what_a_person_closed_before_its_branch_went_was_closed_by_that_person(github):
    propose(github)
    github.close_request(BRANCH)
    github.repository.pulls[0].closed -= timedelta(seconds=3)
    github.delete_branch(BRANCH)
    assert not closed(github).is_closed_by_branch_deletion


def test_what_a_person_closed_later_though_its_branch_had_been_gone_for_a_while_was_closed_by_that_person(github):
    propose(github)
    github.delete_branch(BRANCH)
    github.repository.pulls[0].closed += timedelta(minutes=5)
    assert not closed(github).is_closed_by_branch_deletion


def test_what_we_took_back_ourselves_is_not_asked_about(github):
    propose(github)
    github.repository.pulls[0].body = render_mark(BodyMark(is_withdrawn=True))
    github.delete_branch(BRANCH)
    assert not closed(github).is_closed_by_branch_deletion
    assert not any("Vanished" in str(each.request) for each in github.server.exchanges)


@pytest.mark.parametrize("refusal", ["none", "not-allowed"])
def test_where_nobody_can_say_a_person_closed_it(make_stand, refusal):
    kinds = {"none": GraphQL.NONE}
    stand = make_stand(graphql=kinds.get(refusal, GraphQL.WHOLE), enterprise=refusal in kinds)
    stand.token.can_ask_graphql = refusal != "not-allowed"
    propose(stand)
    stand.delete_branch(BRANCH)
    assert not closed(stand).is_closed_by_branch_deletion
