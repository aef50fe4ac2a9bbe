"""Reviews of pull requests and attributes that were ever set, read by GraphQL and without it."""

from __future__ import annotations

import pytest
from support.forges.github.graphql import GraphQL
from support.forges.github.scene import BRANCH, CHANGE, MESSAGE, PREFIX, look, proposal, propose
from support.forges.github.stand import BOT

from bot.forges.github.request_state import BATCH
from bot.model.errors import ForgeError
from bot.model.request_attributes import RequestAttributes

OTHER = "basebump/node-22-5e7a1fd3"


@pytest.fixture(params=["github.com", "older", "none", "not-allowed"])
def anywhere(request, make_stand):
    """Return a GitHub of every kind that answers who approved."""
    kinds = {"older": GraphQL.OLDER, "none": GraphQL.NONE}
    stand = make_stand(graphql=kinds.get(request.param, GraphQL.WHOLE), enterprise=request.param in kinds)
    stand.token.can_ask_graphql = request.param != "not-allowed"
    propose(stand)
    return stand


def accepted(stand) -> bool:
    (seen,) = look(stand)
    return seen.is_accepted


# Who accepted


def test_nobody_accepted_what_nobody_reviewed(anywhere):
    assert not accepted(anywhere)


def test_an_approval_of_somebody_who_may_write_counts(anywhere):
    anywhere.review(BRANCH, "APPROVED")
    assert accepted(anywhere)


@pytest.mark.parametrize("state", ["COMMENTED", "CHANGES_REQUESTED", "DISMISSED"])
def test_other_words_are_no_approval(anywhere, state):
    anywhere.review(BRANCH, state)
    assert not accepted(anywhere)


@pytest.mark.parametrize(("later", "counts"), [("CHANGES_REQUESTED", False), ("DISMISSED", False), ("COMMENTED", True)])
def test_what_somebody_says_later_takes_an_approval_back_unless_it_is_a_comment(anywhere, later, counts):
    anywhere.review(BRANCH, "APPROVED")
    anywhere.review(BRANCH, later)
    assert accepted(anywhere) is counts


def test_one_of_several_people_is_enough(anywhere):
    anywhere.review(BRANCH, "APPROVED", "ada")
    anywhere.review(BRANCH, "CHANGES_REQUESTED", "bob")
    assert accepted(anywhere)


def test_the_approval_of_a_stranger_is_none(anywhere):
    anywhere.review(BRANCH, "APPROVED", "stranger", is_writers=False)
    assert not accepted(anywhere)


def test_what_a_person_set_to_merge_by_itself_is_accepted(anywhere):
    anywhere.repository.open_pull(BRANCH).auto_merge = anywhere.server.world.accounts["ada"]
    (seen,) = look(anywhere)
    assert (seen.is_accepted, seen.has_automerge) == (True, False)


@pytest.mark.parametrize("is_app", [True, False])
def test_what_we_set_to_merge_by_itself_ourselves_nobody_accepted(make_stand, is_app):
    stand = make_stand(is_app=is_app)
    propose(stand)
    stand.repository.open_pull(BRANCH).auto_merge = stand.token.account
    (seen,) = look(stand)
    assert (seen.is_accepted, seen.has_automerge) == (False, True)


def test_what_waits_in_the_merge_queue_is_accepted(github):
    propose(github)
    github.repository.open_pull(BRANCH).queued = True
    assert accepted(github)


# How much that costs


def test_all_open_requests_of_a_repository_are_one_question(github):
    propose(github)
    github.forge().push(OTHER, [CHANGE], MESSAGE, None)
    github.forge().open(proposal(branch=OTHER))
    github.review(OTHER, "APPROVED")
    with github.server.watched() as lines:
        found = {seen.branch: seen.is_accepted for seen in look(github, (BRANCH, OTHER))}
    assert found == {BRANCH: False, OTHER: True}
    assert lines.count("POST /graphql") == 1


def test_more_requests_than_fit_into_one_question_are_asked_for_in_several(github):
    branches = [f"basebump/many-{number}" for number in range(BATCH + 1)]
    for branch in branches:
        github.git.commit(branch, {"README.md": f"{branch}\n"})
    github.repository.settle()
    for branch in branches:
        github.server.world.propose(github.repository, github.repository, branch, github.token.account)
    github.review(branches[-1], "APPROVED")
    with github.server.watched() as lines:
        found = {seen.branch for seen in look(github, branches) if seen.is_accepted}
    assert found == {branches[-1]}
    assert lines.count("POST /graphql") == 2


def test_a_question_changes_nothing(github):
    propose(github)
    writes = list(github.writes)
    look(github)
    assert github.writes == writes


def test_a_server_that_is_too_old_is_asked_once_in_a_run(make_stand):
    stand = make_stand(enterprise=True, graphql=GraphQL.OLDER)
    propose(stand)
    fleet = stand.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    with stand.server.watched() as lines:
        for _ in range(3):
            fleet.get_forge(repository).list_requests(PREFIX, frozenset({BRANCH}))
    assert lines.count("POST /api/graphql") == 1
    assert sum(line.endswith("/pulls/1/reviews?per_page=100") for line in lines) == 3


def test_a_limit_that_lasts_is_an_error_and_no_reason_to_ask_otherwise(github):
    propose(github)
    limited = github.server.reply({"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]})
    github.server.fail("POST /graphql", limited, times=10)
    with pytest.raises(ForgeError, match="limit"):
        look(github)
    assert not any("/reviews" in line for line in github.server.lines)


# What was ever set


def test_nothing_was_ever_set_on_a_fresh_request(github):
    propose(github)
    (seen,) = look(github)
    assert seen.ever_set == RequestAttributes()


def test_what_was_set_is_known_though_people_took_it_off(github):
    propose(github, attributes=RequestAttributes(labels=("dependencies",)))
    pull = github.repository.open_pull(BRANCH)
    for kind, subject in [
        ("ReviewRequestedEvent", "ada"),
        ("ReviewRequestedEvent", "team:platform"),
        ("AssignedEvent", BOT),
        ("MilestonedEvent", "Next"),
        ("AutoMergeEnabledEvent", ""),
    ]:
        pull.note(kind, subject)
    pull.labels.clear()
    (seen,) = look(github)
    assert seen.ever_set == RequestAttributes(
        ("dependencies",), ("ada", "team:platform"), (BOT,), "Next", automerge=True
    )


def test_where_only_rest_answers_nobody_can_say_what_was_set(make_stand):
    stand = make_stand(enterprise=True, graphql=GraphQL.NONE)
    propose(stand, attributes=RequestAttributes(labels=("dependencies",)))
    (seen,) = look(stand)
    assert seen.ever_set is None
