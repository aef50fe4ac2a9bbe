"""Which base branches a config means, and which of our branches were made for which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.globs import matches
from bot.core.proposal.base_branches import Base, beginning, chosen
from bot.core.proposal.mark import base_of, intent_of, signed

BRANCHES = ["develop", "main", "release/1.0", "release/1.0/hotfix", "release/2.0"]
INTENT = "1" * 16


@pytest.mark.parametrize(
    ("globs", "expected"),
    [
        (["main"], ["main"]),
        (["release/*", "main"], ["main", "release/1.0", "release/2.0"]),
        (["release/**"], ["release/1.0", "release/1.0/hotfix", "release/2.0"]),
        (["Main", "mai"], []),
        (["main", "m*"], ["main"]),
    ],
)
def test_globs_choose_whole_names_each_once(globs, expected):
    assert chosen(globs, BRANCHES) == expected


@given(st.text("ab/*?", max_size=6), st.text("ab/", max_size=6))
def test_every_branch_that_a_glob_matches_begins_as_the_glob_does(glob, branch):
    assert not matches(glob, branch) or branch.startswith(beginning(glob))


def test_a_branch_that_is_wanted_was_made_for_this_base_whatever_else_is_said():
    for base in (Base("main"), Base("release/1", "release/1")):
        for is_ours in (True, False):
            assert base.owns_branch(is_wanted=True, is_ours=is_ours, stated="another")
            assert base.owns_request("another", is_wanted=True, is_ours=is_ours, stated="another")


@pytest.mark.parametrize(
    ("base", "is_ours", "stated", "expected"),
    [
        (Base("main"), True, None, True),
        (Base("main"), True, "release/1", False),
        (Base("main"), False, None, True),
        (Base("release/1", "release/1"), True, "release/1", True),
        (Base("release/1", "release/1"), True, "release/2", False),
        (Base("release/1", "release/1"), True, None, False),
        (Base("release/1", "release/1"), False, None, False),
    ],
)
def test_a_branch_that_is_not_wanted_was_made_for_the_base_that_its_commit_states(base, is_ours, stated, expected):
    assert base.owns_branch(is_wanted=False, is_ours=is_ours, stated=stated) is expected


@pytest.mark.parametrize(
    ("base", "target", "is_ours", "stated", "expected"),
    [
        (Base("main"), "main", True, None, True),
        (Base("main"), "main", False, None, True),
        (Base("main"), "release/1", True, None, False),
        (Base("release/1", "release/1"), "release/1", True, "release/1", True),
        (Base("release/1", "release/1"), "release/1", False, None, True),
        (Base("release/1", "release/1"), "release/1", True, None, False),
        (Base("release/1", "release/1"), "main", True, "release/1", False),
    ],
)
def test_a_request_that_is_not_wanted_has_to_be_made_to_the_base_that_its_commit_states(
    base, target, is_ours, stated, expected
):
    assert base.owns_request(target, is_wanted=False, is_ours=is_ours, stated=stated) is expected


def test_a_commit_says_which_base_it_was_made_for_unless_that_is_the_default_one():
    plain = signed("Update x", INTENT, ["Signed-off-by: Bot <bot@example.com>"])
    other = signed("Update x", INTENT, ["Signed-off-by: Bot <bot@example.com>"], "release/größe")
    assert (base_of(plain), base_of(other)) == (None, "release/größe")
    assert intent_of(plain) == intent_of(other) == INTENT


@pytest.mark.parametrize(
    "message",
    [
        "Basebump-Base: release/1",
        "Update x\n\nBasebump-Base: release/1\n\nNo trailers here.",
        "Update x\n\nBasebump-Base: a\nBasebump-Base: b",
        "Update x\n\nA sentence.\nBasebump-Base: a",
    ],
)
def test_what_only_looks_like_a_trailer_says_nothing(message):
    assert base_of(message) is None
