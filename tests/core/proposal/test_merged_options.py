"""Tests of options that are merged from the policies of several image references."""

from __future__ import annotations

import pytest
from support.values import update

from bot.core.proposal.merged_options import determine_rebase, merge_attributes
from bot.model.modes import Rebase
from bot.model.policy import Policy
from bot.model.request_attributes import RequestAttributes


def together(*policies: Policy):
    return [update("python:3.12", "new", policy=policy) for policy in policies]


def test_all_that_any_place_asks_for_is_set():
    one = Policy(labels=("b", "a"), reviewers=("ada",), assignees=("bob",))
    other = Policy(labels=("a", "c"), reviewers=("team:platform", "ada"), milestone="Next")
    expected = RequestAttributes(("a", "b", "c"), ("ada", "team:platform"), ("bob",), "Next")
    assert merge_attributes(together(one, other)) == expected
    assert merge_attributes(together(other, one)) == expected


def test_of_several_milestones_there_is_one_whatever_their_order():
    policies = [Policy(milestone="Next"), Policy(), Policy(milestone="Last")]
    assert (
        merge_attributes(together(*policies)).milestone
        == merge_attributes(together(*policies[::-1])).milestone
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
def test_who_says_never_is_heard_first(said, expected):
    assert determine_rebase(together(*(Policy(rebase=each) for each in said))) is expected


def test_what_was_set_is_not_missing_however_it_is_written():
    wanted = RequestAttributes(("Docker", "new"), ("Ada", "team:Platform", "bob"), ("Ada",), "Next", automerge=True)
    ever = RequestAttributes(("docker",), ("ada", "team:platform"), ("ADA",), "Another", automerge=True)
    assert wanted.subtract(ever) == RequestAttributes(("new",), ("bob",))
    assert wanted.subtract(RequestAttributes()) == wanted
