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
def test_globs_match_whole_branch_names_and_select_each_branch_once(globs, expected):
    assert match_branches(globs, BRANCHES) == expected


@given(st.text("ab/*?", max_size=6), st.text("ab/", max_size=6))
def test_branch_that_matches_glob_starts_with_literal_prefix_of_glob(glob, branch):
    assert not is_glob_match(glob, branch) or branch.startswith(get_literal_prefix(glob))


def test_desired_branch_belongs_to_base_branch_even_if_commit_names_another_base():
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
def test_undesired_branch_belongs_to_base_branch_stated_in_commit(base, is_ours, stated, expected):
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
def test_undesired_pull_request_belongs_to_target_branch_that_the_commit_also_names(
    base, target, is_ours, stated, expected
):
    assert base.is_base_of_request(target, is_desired=False, is_ours=is_ours, stated_base=stated) is expected


def test_commit_trailer_states_base_branch_unless_branch_is_default():
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
def test_text_that_only_resembles_a_trailer_states_no_base_branch(message):
    assert parse_base_branch(message) is None
