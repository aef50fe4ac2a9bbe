"""Tests of options that are merged from the policies of several image references."""

from __future__ import annotations

import pytest
from support.values import update

from bot.core.proposal.merged_options import determine_rebase, merge_attributes
from bot.model.modes import Rebase
from bot.model.policy import Policy
from bot.model.request_attributes import RequestAttributes


def build_updates(*policies: Policy):
    return [update("python:3.12", "new", policy=policy) for policy in policies]


def test_labels_reviewers_and_assignees_of_all_policies_are_merged():
    one = Policy(labels=("b", "a"), reviewers=("ada",), assignees=("bob",))
    other = Policy(labels=("a", "c"), reviewers=("team:platform", "ada"), milestone="Next")
    expected = RequestAttributes(("a", "b", "c"), ("ada", "team:platform"), ("bob",), "Next")
    assert merge_attributes(build_updates(one, other)) == expected
    assert merge_attributes(build_updates(other, one)) == expected


def test_chosen_milestone_does_not_depend_on_order_of_policies():
    policies = [Policy(milestone="Next"), Policy(), Policy(milestone="Last")]
    assert (
        merge_attributes(build_updates(*policies)).milestone
        == merge_attributes(build_updates(*policies[::-1])).milestone
        == "Last"
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([Rebase.AUTO], Rebase.AUTO),
        ([Rebase.AUTO, Rebase.ALWAYS], Rebase.ALWAYS),
        ([Rebase.ALWAYS, Rebase.NEVER, Rebase.AUTO], Rebase.NEVER),
    ],
)
def test_merged_rebase_option_has_value_never_if_any_policy_has_value_never(said, expected):
    assert determine_rebase(build_updates(*(Policy(rebase=each) for each in said))) is expected


def test_case_is_ignored_when_attributes_set_earlier_are_subtracted():
    wanted = RequestAttributes(("Docker", "new"), ("Ada", "team:Platform", "bob"), ("Ada",), "Next", automerge=True)
    ever = RequestAttributes(("docker",), ("ada", "team:platform"), ("ADA",), "Another", automerge=True)
    assert wanted.subtract(ever) == RequestAttributes(("new",), ("bob",))
    assert wanted.subtract(RequestAttributes()) == wanted
