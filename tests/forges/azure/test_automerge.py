"""Automatic completion of pull requests on Azure Repos."""

from __future__ import annotations

import pytest
from support.forges.azure.scene import get_request, open_with
from support.forges.azure.state import BUILD, MERGE_STRATEGY, MIN_REVIEWERS, STATUS_CHECK, BranchPolicy, RequestReviewer
from support.forges.contract_scene import BRANCH, NEWER_CHANGES, look, message_of, open_one

from bot.model.proposal import RequestState
from bot.model.request_attributes import RequestAttributes

COMMENTS = "c6a1889d-b943-4856-b76f-9e46bb6b0df2"
"""The policy that waits for comments to be resolved."""


def open_with_policies(stand, *policies):
    stand.repository.policies += policies
    return open_with(stand, RequestAttributes(automerge=True)).notes


def test_auto_complete_is_set_if_target_branch_has_blocking_policy(stand):
    assert open_with_policies(stand, BranchPolicy(1, BUILD, {})) == ()
    request = get_request(stand)
    assert request.armed_by is stand.token.account
    assert request.completion == {"mergeStrategy": "noFastForward", "deleteSourceBranch": True}
    seen = open_one(stand)
    assert (seen.has_automerge, seen.is_accepted) == (True, False)


@pytest.mark.parametrize(
    "policies",
    [
        pytest.param((), id="none"),
        pytest.param((BranchPolicy(1, BUILD, {}, is_blocking=False),), id="optional"),
        pytest.param((BranchPolicy(1, BUILD, {}, "refs/x"),), id="of-another-branch"),
        pytest.param((BranchPolicy(1, BUILD, {"filenamePatterns": ["/src/*"]}),), id="of-some-files"),
        pytest.param((BranchPolicy(1, MERGE_STRATEGY, {"allowSquash": True}),), id="about-the-merge"),
        pytest.param((BranchPolicy(1, COMMENTS, {}),), id="about-comments"),
        pytest.param((BranchPolicy(1, STATUS_CHECK, {"statusGenre": "basebump", "statusName": "evidence"}),), id="own"),
    ],
)
def test_auto_complete_is_not_set_without_blocking_policy(stand, policies):
    (note,) = open_with_policies(stand, *policies)
    assert "no blocking policy of the target branch waits for reviewers or CI" in note
    assert get_request(stand).status == "active"


@pytest.mark.parametrize(
    ("allowed", "strategy"),
    [
        ({"allowSquash": True, "allowNoFastForward": True}, "squash"),
        ({"allowNoFastForward": True}, "noFastForward"),
        ({"allowRebase": True}, "rebase"),
        ({"allowRebaseMerge": True, "allowRebase": True}, "rebaseMerge"),
    ],
)
def test_auto_complete_uses_merge_strategy_allowed_by_policy(stand, allowed, strategy):
    assert open_with_policies(stand, BranchPolicy(1, BUILD, {}), BranchPolicy(2, MERGE_STRATEGY, allowed)) == ()
    assert get_request(stand).completion["mergeStrategy"] == strategy


def test_auto_complete_is_not_set_if_policy_allows_no_merge_strategy(stand):
    (note,) = open_with_policies(
        stand, BranchPolicy(1, BUILD, {}), BranchPolicy(2, MERGE_STRATEGY, {"allowSquash": False})
    )
    assert "allows no way to complete it" in note


def test_auto_complete_is_not_set_on_draft_pull_request(stand):
    stand.repository.policies.append(BranchPolicy(1, BUILD, {}))
    (note,) = open_with(stand, RequestAttributes(automerge=True), draft=True).notes
    assert "it is a draft" in note


def test_update_without_automerge_disables_auto_complete(stand):
    open_with_policies(stand, BranchPolicy(1, BUILD, {}))
    seen = open_one(stand)
    stand.forge().update_request(seen, seen.title, seen.body, RequestAttributes(automerge=False))
    assert get_request(stand).armed_by is None


def test_auto_complete_that_user_disabled_stays_disabled(stand):
    open_with_policies(stand, BranchPolicy(1, BUILD, {}))
    get_request(stand).armed_by = None
    seen = open_one(stand)
    assert (seen.has_automerge, seen.ever_set.automerge) == (False, True)
    (note,) = stand.forge().update_request(seen, seen.title, seen.body, RequestAttributes(automerge=True))
    assert "it was ended before" in note
    assert get_request(stand).armed_by is None


@pytest.mark.parametrize("does_disarm", [True, False])
def test_push_by_basebump_does_not_set_auto_complete_again(stand, does_disarm):
    stand.server.world.assumptions.does_push_disarm = does_disarm
    open_with_policies(stand, BranchPolicy(1, BUILD, {}))
    seen = open_one(stand)
    stand.forge().push(BRANCH, NEWER_CHANGES, message_of("3" * 16), seen.head)
    seen = open_one(stand)
    assert (seen.has_automerge, seen.ever_set.automerge) == (not does_disarm, True)


def test_pull_request_with_auto_complete_merges_when_policies_are_met(stand):
    assert open_with_policies(stand, BranchPolicy(1, MIN_REVIEWERS, {"minimumApproverCount": 1})) == ()
    get_request(stand).reviewers.append(RequestReviewer(stand.server.world.ada, 10))
    stand.settle()
    assert [each.state for each in look(stand)] == [RequestState.MERGED]
    assert BRANCH not in stand.branches()
