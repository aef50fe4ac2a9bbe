"""Contract of all forges for branches into which somebody merged the base branch."""

from __future__ import annotations

import pytest
from support.forges.contract_scene import (
    BRANCH,
    CHANGES,
    INTENT,
    NEWER,
    NEWER_CHANGES,
    OTHER,
    look,
    message_of,
    one,
    open_one,
    propose,
    push,
)

from bot.model.proposal import RequestState
from bot.model.source import FileChange, FilePath

pytestmark = pytest.mark.over_forges

LONG = "".join(f"RUN step {number}\n" for number in range(40))
START = f"FROM python:3.12-slim\n{LONG}"
"""Long enough that git merges changes at its two ends."""


def test_branch_is_behind_if_base_branch_moved_after_push(stand):
    assert not propose(stand).is_behind
    stand.commit("main", {"README.md": "Elsewhere.\n"})
    assert open_one(stand).is_behind
    push(stand, OTHER)
    assert not one(stand, RequestState.BRANCH, OTHER).is_behind


def test_merge_of_base_branch_by_user_does_not_count_as_user_edit(stand):
    before = propose(stand)
    stand.commit("main", {"README.md": "Elsewhere.\n"})
    merge = stand.update_branch(BRANCH)
    seen = open_one(stand)
    assert (seen.head, seen.intent, seen.committed_at) == (merge, INTENT, before.committed_at)
    assert not seen.is_behind
    assert not seen.has_conflicts


def test_repeated_merges_of_base_branch_do_not_count_as_user_edits(stand):
    propose(stand)
    for number in range(3):
        stand.commit("main", {"README.md": f"Elsewhere {number}.\n"})
        merge = stand.update_branch(BRANCH)
    stand.commit("main", {"README.md": "Once more.\n"})
    seen = open_one(stand)
    assert (seen.head, seen.intent, seen.is_behind) == (merge, INTENT, True)


def test_conflict_free_merge_of_base_change_in_same_file_is_not_a_user_edit(stand):
    stand.commit("main", {"Dockerfile": START})
    ours = START.replace("slim", "slim@sha256:" + "a" * 64)
    push(stand, changes=[FileChange(FilePath("Dockerfile"), ours.encode())])
    stand.commit("main", {"Dockerfile": START.replace("RUN step 39", "RUN last")})
    stand.update_branch(BRANCH)
    assert one(stand, RequestState.BRANCH).intent == INTENT
    assert stand.files(BRANCH)["Dockerfile"].content.endswith(b"RUN last\n")


def test_push_replaces_merge_with_one_commit_on_newest_base(stand):
    propose(stand)
    moved = stand.commit("main", {"README.md": "Elsewhere.\n"})
    stand.update_branch(BRANCH)
    head = push(stand, changes=NEWER_CHANGES, message=message_of("3" * 16), over=open_one(stand).head)
    (commit,) = stand.commits(BRANCH)
    assert (commit.oid, commit.parents) == (head, (moved,))
    assert stand.files(BRANCH)["Dockerfile"].content == NEWER


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"README.md": "Mine.\n"}, id="another-file"),
        pytest.param({"Dockerfile": "FROM python:3.12-slim@sha256:mine\n"}, id="our-line"),
        pytest.param({"Dockerfile": "FROM python:3.12-slim\n"}, id="our-change-taken-back"),
        pytest.param({"mine": "Mine.\n"}, id="a-new-file"),
    ],
)
def test_merge_commit_with_additional_change_counts_as_user_edit(stand, files):
    propose(stand)
    stand.commit("main", {"README.md": "Elsewhere.\n"})
    stand.update_branch(BRANCH, also=files)
    assert open_one(stand).intent is None


def test_merge_commit_that_drops_change_of_base_branch_counts_as_user_edit(stand):
    stand.commit("main", {"Dockerfile": START})
    ours = START.replace("slim", "slim@sha256:" + "a" * 64)
    push(stand, changes=[FileChange(FilePath("Dockerfile"), ours.encode())])
    stand.commit("main", {"Dockerfile": START.replace("RUN step 39", "RUN last")})
    stand.update_branch(BRANCH, also={"Dockerfile": ours})
    assert one(stand, RequestState.BRANCH).intent is None


def test_merge_commit_that_resolves_conflict_counts_as_user_edit(stand):
    propose(stand)
    stand.commit("main", {"Dockerfile": "FROM python:3.13-slim\n"})
    stand.merge_by_hand(BRANCH, {"Dockerfile": "FROM python:3.13-slim@sha256:mine\n"})
    assert open_one(stand).intent is None


@pytest.mark.parametrize("before", [True, False], ids=["below-the-merge", "above-the-merge"])
def test_user_commit_before_or_after_merge_of_base_branch_counts_as_edit(stand, before):
    propose(stand)
    if before:
        stand.commit(BRANCH, {"README.md": "Mine.\n"})
    stand.commit("main", {"app/Dockerfile": "FROM node:24\n"})
    stand.update_branch(BRANCH)
    if not before:
        stand.commit(BRANCH, {"README.md": "Mine.\n"})
    assert open_one(stand).intent is None


def test_merge_of_branch_other_than_base_counts_as_user_edit(stand):
    propose(stand)
    stand.commit("feature", {"Dockerfile": CHANGES[0].content})
    stand.merge_by_hand(BRANCH, {}, source="feature")
    assert open_one(stand).intent is None


def test_user_commit_with_copied_message_has_no_intent_even_after_base_merge(stand):
    stand.commit(BRANCH, {"README.md": "Mine.\n"}, message_of())
    stand.commit("main", {"app/Dockerfile": "FROM node:24\n"})
    stand.update_branch(BRANCH)
    assert [each.intent for each in look(stand)] == [None]
