"""Branches of Azure Repos: rebuilding with a temporary branch, its leftovers, and what was stored otherwise."""

from __future__ import annotations

import re

import pytest
from support.forges.azure.state import CREATE_BRANCH, BranchPolicy
from support.forges.contract_scene import (
    BRANCH,
    CHANGES,
    INTENT,
    NEWER,
    NEWER_CHANGES,
    OTHER,
    PREFIX,
    look,
    message_of,
    open_one,
    propose,
    push,
)
from support.forges.counted import SimulatedKill
from support.git import EXECUTABLE, TreeFile

from bot.forges.azure.branches import TEMPORARY_PREFIX
from bot.model.errors import ForgeError
from bot.model.proposal import RequestState
from bot.model.source import FileChange, FilePath


def list_temporary_branches(stand):
    return [name for name in stand.git.branches() if name.startswith(TEMPORARY_PREFIX)]


def writes(stand, start=0):
    return [re.sub(r"\?.*|.*/repositories/[^/]+", "", line) for line in stand.writes[start:]]


def push_again(stand, over):
    return push(stand, changes=NEWER_CHANGES, message=message_of("3" * 16), over=over)


def test_new_branch_and_commit_are_pushed_in_one_call(stand):
    push(stand)
    assert writes(stand) == ["/pushes"]


def test_branch_rebuild_takes_two_api_calls_and_leaves_no_temporary_branch(stand):
    old = push(stand)
    start = len(stand.writes)
    new = push_again(stand, old)
    assert writes(stand, start) == ["/pushes", "/refs"]
    assert list_temporary_branches(stand) == []
    assert stand.branches()[BRANCH] == new


def test_pull_request_keeps_number_when_branch_is_rebuilt(stand):
    seen = propose(stand)
    new = push_again(stand, seen.head)
    after = open_one(stand)
    assert (after.number, after.head) == (seen.number, new)
    assert stand.repository.requests[0].iterations == ["create", "forcePush"]


def test_temporary_branch_of_a_killed_run_is_replaced_by_the_next_rebuild(stand):
    old = push(stand)
    stand.die_before(2)
    with pytest.raises(SimulatedKill):
        push_again(stand, old)
    assert len(list_temporary_branches(stand)) == 1
    assert stand.branches()[BRANCH] == old
    forge = stand.forge()
    (seen,) = forge.list_requests(PREFIX, frozenset({BRANCH}))
    assert (seen.head, seen.intent) == (old, INTENT)
    new = forge.push(BRANCH, NEWER_CHANGES, message_of("3" * 16), old)
    assert stand.branches()[BRANCH] == new
    assert stand.files(BRANCH)["Dockerfile"].content == NEWER
    assert list_temporary_branches(stand) == []


@pytest.mark.parametrize("verb", ["delete", "push"])
def test_temporary_branch_of_a_killed_run_is_deleted_by_the_next_write(stand, verb):
    old = push(stand)
    stand.die_before(2)
    with pytest.raises(SimulatedKill):
        push_again(stand, old)
    forge = stand.forge()
    (seen,) = forge.list_requests(PREFIX, frozenset())
    if verb == "delete":
        forge.delete_branch(seen)
    else:
        forge.push(OTHER, CHANGES, message_of(), None)
    assert list_temporary_branches(stand) == []


def test_listing_pull_requests_does_not_delete_temporary_branches(stand):
    old = push(stand)
    stand.die_before(2)
    with pytest.raises(SimulatedKill):
        push_again(stand, old)
    before = len(stand.writes)
    assert [each.branch for each in look(stand)] == [BRANCH]
    assert len(stand.writes) == before


def test_one_api_call_lists_own_branches_and_leftover_temporary_branches(stand):
    push(stand)
    with stand.server.watched() as lines:
        stand.forge().list_requests(PREFIX, frozenset())
    assert [line for line in lines if "/refs?" in line and "main" not in line] == [
        line for line in lines if "filter=heads%2Fbasebump&" in line
    ]


def test_leftover_temporary_branch_is_deleted_despite_custom_branch_prefix(stand):
    leftover = f"{TEMPORARY_PREFIX}{'0123' * 4}"
    stand.git.commit(leftover, {"Dockerfile": "FROM x\n"})
    stand.repository.creators[f"refs/heads/{leftover}"] = stand.token.account
    push(stand, "deps/python")
    forge = stand.forge()
    (seen,) = forge.list_requests("deps/", frozenset())
    forge.delete_branch(seen)
    assert stand.git.branches().keys() == {"main"}


@pytest.mark.parametrize("is_atomic", [True, False])
def test_user_branch_named_like_temporary_branch_blocks_no_rebuild_or_deletion(stand, is_atomic):
    stand.server.world.assumptions.are_refs_atomic = is_atomic
    old = push(stand)
    foreign = [f"{TEMPORARY_PREFIX}{'0123' * 4}", f"{TEMPORARY_PREFIX}work"]
    for each in foreign:
        stand.git.commit(each, {"Dockerfile": "FROM x\n"})
    forge = stand.forge()
    assert [each.head for each in forge.list_requests(PREFIX, frozenset())] == [old]
    new = forge.push(BRANCH, NEWER_CHANGES, message_of("3" * 16), old)
    assert stand.branches()[BRANCH] == new
    assert list_temporary_branches(stand) == foreign
    forge = stand.forge()
    (rebuilt,) = forge.list_requests(PREFIX, frozenset())
    forge.delete_branch(rebuilt)
    assert stand.branches().keys() == {"main"}


def test_temporary_branches_have_unpredictable_names(stand):
    commit = push(stand)
    for number in (3, 4):
        commit = push(stand, changes=NEWER_CHANGES, message=message_of(str(number) * 16), over=commit)
    pushed = [
        each.request["refUpdates"][0]["name"] for each in stand.server.writes if each.asked.path.endswith("/pushes")
    ]
    assert len(set(pushed)) == 3


@pytest.mark.parametrize("is_atomic", [True, False])
def test_rebuild_does_not_overwrite_branch_that_user_moved(stand, is_atomic):
    stand.server.world.assumptions.are_refs_atomic = is_atomic
    old = push(stand)
    moved = stand.commit(BRANCH, {"README.md": "A person was here.\n"})
    with pytest.raises(ForgeError, match="rerun basebump"):
        push_again(stand, old)
    assert stand.branches()[BRANCH] == moved
    assert list_temporary_branches(stand) == []


def test_branch_is_not_rebuilt_if_policy_refuses_temporary_branch(stand):
    old = push(stand)
    stand.repository.policies.append(BranchPolicy(1, "a-policy", {}, f"refs/heads/{TEMPORARY_PREFIX}", is_prefix=True))
    with pytest.raises(ForgeError, match="TF402455"):
        push_again(stand, old)
    assert stand.branches()[BRANCH] == old


def test_rebuild_of_branch_created_by_another_account_needs_force_push_right(stand):
    old = push(stand)
    stand.repository.creators.clear()
    with pytest.raises(ForgeError, match=r"another account created the branch; hint: .* Force push"):
        push_again(stand, old)
    assert stand.branches()[BRANCH] == old
    assert list_temporary_branches(stand) == []


def test_branch_with_branch_policy_is_neither_rebuilt_nor_deleted(stand):
    seen = propose(stand)
    stand.repository.policies.append(BranchPolicy(1, "a-policy", {}, "refs/heads/basebump/", is_prefix=True))
    with pytest.raises(ForgeError, match=r"rejectedByPolicy; hint: remove the branch policies"):
        push_again(stand, seen.head)
    with pytest.raises(ForgeError, match=r"rejectedByPolicy; hint: remove the branch policies"):
        stand.forge().delete_branch(seen)
    assert stand.branches()[BRANCH] == seen.head
    assert list_temporary_branches(stand) == []


def test_error_names_missing_permission_to_create_branch(stand):
    stand.token.rights.remove(CREATE_BRANCH)
    with pytest.raises(ForgeError, match="'CreateBranch' permission"):
        push(stand)


def test_branch_in_folder_with_longer_name_than_prefix_is_not_listed(stand):
    push(stand)
    stand.git.commit("basebumper/x", {"README.md": "x\n"})
    assert [each.branch for each in look(stand)] == [BRANCH]


# What nobody has shown in public


@pytest.mark.parametrize("is_new", [True, False])
def test_push_is_undone_if_server_changes_file_modes(stand, is_new):
    stand.commit("main", {"run.sh": b"#!/bin/sh\n"})
    stand.git.run("update-ref", "refs/heads/main", _make_executable(stand))
    old = None if is_new else push(stand)
    stand.server.world.assumptions.keeps_modes = False
    changes = [FileChange(FilePath("run.sh"), b"#!/bin/sh\n# new\n")]
    with pytest.raises(ForgeError, match=r"stored 'run\.sh' differently .* hint: update the file by hand"):
        push(stand, changes=changes, over=old)
    assert stand.branches().get(BRANCH) == old
    assert list_temporary_branches(stand) == []


def _make_executable(stand):
    return stand.git.make_commit([stand.git.need("main")], {"run.sh": TreeFile(b"#!/bin/sh\n", EXECUTABLE)}, "Run it")


def test_push_is_undone_if_server_changes_line_endings(stand):
    stand.server.world.assumptions.keeps_line_ends = False
    stand.commit("main", {"Dockerfile": b"FROM python:3.12-slim\r\n"})
    with pytest.raises(ForgeError, match="stored 'Dockerfile' differently"):
        push(stand, changes=[FileChange(FilePath("Dockerfile"), b"FROM python:3.13-slim\r\n")])
    assert BRANCH not in stand.branches()


def test_push_fails_if_server_does_not_start_branch_at_given_commit(stand):
    stand.server.world.assumptions.begins_at_old_object = False
    with pytest.raises(ForgeError, match="rerun basebump"):
        push(stand)
    assert BRANCH not in stand.branches()


def test_commit_of_unknown_pusher_is_own_if_basebump_is_author_and_committer(stand):
    stand.server.world.assumptions.shows_pusher = False
    push(stand)
    assert [each.intent for each in look(stand)] == [INTENT]
    stand.amend_commit(BRANCH, {"README.md": "More.\n"})
    assert [each.intent for each in look(stand)] == [None]


def test_commit_pushed_by_other_account_has_no_intent(stand):
    push(stand)
    stand.repository.pushers.clear()
    (seen,) = look(stand)
    assert (seen.state, seen.intent) == (RequestState.BRANCH, None)
