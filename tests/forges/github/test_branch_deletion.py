"""Pull requests that GitHub closed because their branch was deleted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.forges.github.graphql import GraphQL
from support.forges.github.scene import BRANCH, look, propose

from bot.core.proposal.marks import render_mark
from bot.model.proposal import BodyMark, RequestState


def get_closed_request(stand):
    (seen,) = [each for each in look(stand) if each.state is RequestState.CLOSED]
    return seen


def test_pull_request_closed_at_branch_deletion_counts_as_closed_by_deletion(github):
    propose(github)
    github.delete_branch(BRANCH)
    assert get_closed_request(github).is_closed_by_branch_deletion


def test_pull_request_closed_before_branch_deletion_counts_as_closed_by_user(github):
    propose(github)
    github.close_request(BRANCH)
    github.repository.pulls[0].closed -= timedelta(seconds=3)
    github.delete_branch(BRANCH)
    assert not get_closed_request(github).is_closed_by_branch_deletion


def test_pull_request_closed_long_after_branch_deletion_counts_as_closed_by_user(github):
    propose(github)
    github.delete_branch(BRANCH)
    github.repository.pulls[0].closed += timedelta(minutes=5)
    assert not get_closed_request(github).is_closed_by_branch_deletion


def test_cause_of_closing_is_not_queried_for_withdrawn_pull_request(github):
    propose(github)
    github.repository.pulls[0].body = render_mark(BodyMark(is_withdrawn=True))
    github.delete_branch(BRANCH)
    assert not get_closed_request(github).is_closed_by_branch_deletion
    assert not any("Vanished" in str(each.request) for each in github.server.exchanges)


@pytest.mark.parametrize("refusal", ["none", "not-allowed"])
def test_pull_request_counts_as_closed_by_user_if_cause_is_unreadable(make_stand, refusal):
    kinds = {"none": GraphQL.NONE}
    stand = make_stand(graphql=kinds.get(refusal, GraphQL.WHOLE), enterprise=refusal in kinds)
    stand.token.can_ask_graphql = refusal != "not-allowed"
    propose(stand)
    stand.delete_branch(BRANCH)
    assert not get_closed_request(stand).is_closed_by_branch_deletion
