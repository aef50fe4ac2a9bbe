"""Tests of the selection of base branches, and of the base branch that a branch of basebump was created for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.globs import is_glob_match
from bot.core.proposal.base_branches import BaseBranch, get_literal_prefix, match_branches
from bot.core.proposal.marks import append_trailers, parse_base_branch, parse_intent

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
    assert match_branches(globs, BRANCHES) == expected


@given(st.text("ab/*?", max_size=6), st.text("ab/", max_size=6))
def test_every_branch_that_a_glob_matches_begins_as_the_glob_does(glob, branch):
    assert not is_glob_match(glob, branch) or branch.startswith(get_literal_prefix(glob))


def test_a_branch_that_is_wanted_was_made_for_this_base_whatever_else_is_said():
    for base in (BaseBranch("main"), BaseBranch("release/1", "release/1")):
        for is_ours in (True, False):
            assert base.is_base_of_branch(is_desired=True, is_ours=is_ours, stated_base="another")
            assert base.is_base_of_request("another", is_desired=True, is_ours=is_ours, stated_base="another")


@pytest.mark.parametrize(
    ("base", "is_ours", "stated", "expected"),
    [
        (BaseBranch("main"), True, None, True),
        (BaseBranch("main"), True, "release/1", False),
        (BaseBranch("main"), False, None, True),
        (BaseBranch("release/1", "release/1"), True, "release/1", True),
        (BaseBranch("release/1", "release/1"), True, "release/2", False),
        (BaseBranch("release/1", "release/1"), True, None, False),
        (BaseBranch("release/1", "release/1"), False, None, False),
    ],
)
def test_a_branch_that_is_not_wanted_was_made_for_the_base_that_its_commit_states(base, is_ours, stated, expected):
    assert base.is_base_of_branch(is_desired=False, is_ours=is_ours, stated_base=stated) is expected


@pytest.mark.parametrize(
    ("base", "target", "is_ours", "stated", "expected"),
    [
        (BaseBranch("main"), "main", True, None, True),
        (BaseBranch("main"), "main", False, None, True),
        (BaseBranch("main"), "release/1", True, None, False),
        (BaseBranch("release/1", "release/1"), "release/1", True, "release/1", True),
        (BaseBranch("release/1", "release/1"), "release/1", False, None, True),
        (BaseBranch("release/1", "release/1"), "release/1", True, None, False),
        (BaseBranch("release/1", "release/1"), "main", True, "release/1", False),
    ],
)
def test_a_request_that_is_not_wanted_has_to_be_made_to_the_base_that_its_commit_states(
    base, target, is_ours, stated, expected
):
    assert base.is_base_of_request(target, is_desired=False, is_ours=is_ours, stated_base=stated) is expected


def test_a_commit_says_which_base_it_was_made_for_unless_that_is_the_default_one():
    plain = append_trailers("Update x", INTENT, ["Signed-off-by: Bot <bot@example.com>"])
    other = append_trailers("Update x", INTENT, ["Signed-off-by: Bot <bot@example.com>"], "release/größe")
    assert (parse_base_branch(plain), parse_base_branch(other)) == (None, "release/größe")
    assert parse_intent(plain) == parse_intent(other) == INTENT


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
    assert parse_base_branch(message) is None
