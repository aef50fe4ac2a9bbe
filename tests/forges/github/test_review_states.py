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
def any_github(request, make_stand):
    """Return a GitHub of every kind that answers who approved."""
    kinds = {"older": GraphQL.OLDER, "none": GraphQL.NONE}
    stand = make_stand(graphql=kinds.get(request.param, GraphQL.WHOLE), enterprise=request.param in kinds)
    stand.token.can_ask_graphql = request.param != "not-allowed"
    propose(stand)
    return stand


def is_request_accepted(stand) -> bool:
    (seen,) = look(stand)
    return seen.is_accepted


# Who accepted


def test_pull_request_without_review_is_not_accepted(any_github):
    assert not is_request_accepted(any_github)


def test_pull_request_approved_by_user_with_write_access_is_accepted(any_github):
    any_github.review(BRANCH, "APPROVED")
    assert is_request_accepted(any_github)


@pytest.mark.parametrize("state", ["COMMENTED", "CHANGES_REQUESTED", "DISMISSED"])
def test_pull_request_is_accepted_only_by_reviews_with_state_approved(any_github, state):
    any_github.review(BRANCH, state)
    assert not is_request_accepted(any_github)


@pytest.mark.parametrize(("later", "counts"), [("CHANGES_REQUESTED", False), ("DISMISSED", False), ("COMMENTED", True)])
def test_approval_is_revoked_by_later_review_of_same_user_but_not_by_comment(any_github, later, counts):
    any_github.review(BRANCH, "APPROVED")
    any_github.review(BRANCH, later)
    assert is_request_accepted(any_github) is counts


def test_approved_pull_request_is_accepted_although_other_user_requests_changes(any_github):
    any_github.review(BRANCH, "APPROVED", "ada")
    any_github.review(BRANCH, "CHANGES_REQUESTED", "bob")
    assert is_request_accepted(any_github)


def test_pull_request_approved_by_user_without_write_access_is_not_accepted(any_github):
    any_github.review(BRANCH, "APPROVED", "stranger", is_writers=False)
    assert not is_request_accepted(any_github)


def test_pull_request_with_auto_merge_enabled_by_user_is_accepted(any_github):
    any_github.repository.open_pull(BRANCH).auto_merge = any_github.server.world.accounts["ada"]
    (seen,) = look(any_github)
    assert (seen.is_accepted, seen.has_automerge) == (True, False)


@pytest.mark.parametrize("is_app", [True, False])
def test_pull_request_with_auto_merge_enabled_by_basebump_is_not_accepted(make_stand, is_app):
    stand = make_stand(is_app=is_app)
    propose(stand)
    stand.repository.open_pull(BRANCH).auto_merge = stand.token.account
    (seen,) = look(stand)
    assert (seen.is_accepted, seen.has_automerge) == (False, True)


def test_pull_request_in_merge_queue_is_accepted(github):
    propose(github)
    github.repository.open_pull(BRANCH).queued = True
    assert is_request_accepted(github)


# How much that costs


def test_one_query_reads_reviews_of_all_open_pull_requests(github):
    propose(github)
    github.forge().push(OTHER, [CHANGE], MESSAGE, None)
    github.forge().open(proposal(branch=OTHER))
    github.review(OTHER, "APPROVED")
    with github.server.watched() as lines:
        found = {seen.branch: seen.is_accepted for seen in look(github, (BRANCH, OTHER))}
    assert found == {BRANCH: False, OTHER: True}
    assert lines.count("POST /graphql") == 1


def test_reviews_of_pull_requests_beyond_one_batch_are_read_by_second_query(github):
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


def test_listing_pull_requests_does_not_write(github):
    propose(github)
    writes = list(github.writes)
    look(github)
    assert github.writes == writes


def test_older_server_receives_only_one_graphql_query_per_run(make_stand):
    stand = make_stand(enterprise=True, graphql=GraphQL.OLDER)
    propose(stand)
    fleet = stand.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    with stand.server.watched() as lines:
        for _ in range(3):
            fleet.get_forge(repository).list_requests(PREFIX, frozenset({BRANCH}))
    assert lines.count("POST /api/graphql") == 1
    assert sum(line.endswith("/pulls/1/reviews?per_page=100") for line in lines) == 3


def test_persistent_graphql_rate_limit_is_error_without_fallback_to_rest(github):
    propose(github)
    limited = github.server.reply({"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]})
    github.server.fail("POST /graphql", limited, times=10)
    with pytest.raises(ForgeError, match="limit"):
        look(github)
    assert not any("/reviews" in line for line in github.server.lines)


# What was ever set


def test_new_pull_request_lists_no_attributes_as_previously_set(github):
    propose(github)
    (seen,) = look(github)
    assert seen.ever_set == RequestAttributes()


def test_removed_attributes_are_still_listed_as_previously_set(github):
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


def test_previously_set_attributes_are_unknown_if_server_has_no_graphql(make_stand):
    stand = make_stand(enterprise=True, graphql=GraphQL.NONE)
    propose(stand, attributes=RequestAttributes(labels=("dependencies",)))
    (seen,) = look(stand)
    assert seen.ever_set is None
