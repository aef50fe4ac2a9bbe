"""Contract of all forges for branches, commits and trees. Each test runs with every stand."""

from __future__ import annotations

import pickle

import pytest
from support.forges.contract_scene import (
    BRANCH,
    CHANGES,
    INTENT,
    NEW,
    NEWER,
    NEWER_CHANGES,
    OTHER,
    PREFIX,
    look,
    message_of,
    open_one,
    proposal,
    propose,
    push,
)
from support.git import EXECUTABLE, REGULAR, TreeFile

from bot.core.proposal.marks import format_intent_trailer
from bot.model.errors import ForgeError, TreeError
from bot.model.forge import TreeEntry
from bot.model.proposal import RequestState
from bot.model.source import FileChange, FilePath

pytestmark = pytest.mark.over_forges

# Branches


def test_listing_returns_no_pull_requests_if_no_branch_has_own_prefix(stand):
    assert stand.forge().list_requests(PREFIX, frozenset({BRANCH})) == ()


def test_push_creates_one_commit_on_base_with_given_files(stand):
    base = stand.branches()["main"]
    before = stand.files("main")
    made = push(stand)
    (commit,) = stand.commits(BRANCH)
    assert (commit.oid, commit.parents) == (made, (base,))
    assert stand.branches() == {"main": base, BRANCH: made}
    assert stand.files(BRANCH) == before | {"Dockerfile": TreeFile(NEW)}


def test_push_keeps_file_modes_and_accepts_any_path_and_bytes(stand):
    changes = {
        "app/build.sh": (b"#!/bin/sh\n\xff\0", EXECUTABLE),
        "app/Dockerfile": (b"no newline at the end\r", REGULAR),
        "größe/Dockerfile": ("größer".encode(), REGULAR),
    }
    push(stand, changes=[FileChange(FilePath(path), content) for path, (content, _) in changes.items()])
    files = stand.files(BRANCH)
    assert {path: (files[path].content, files[path].mode) for path in changes} == changes


def test_push_keeps_commit_message_unchanged(stand):
    push(stand, message="Zürich → Genève\n\nA paragraph.\n\n" + format_intent_trailer(INTENT) + "\n")
    (commit,) = stand.commits(BRANCH)
    assert commit.message.rstrip("\n") == f"Zürich → Genève\n\nA paragraph.\n\n{format_intent_trailer(INTENT)}"


def test_push_replaces_commit_of_branch_if_head_is_the_expected_commit(stand):
    old = push(stand)
    new = push(stand, changes=NEWER_CHANGES, message=message_of("3" * 16), over=old)
    assert [commit.oid for commit in stand.commits(BRANCH)] == [new]
    assert stand.files(BRANCH)["Dockerfile"].content == NEWER


def test_push_starts_from_current_head_of_base_branch(stand):
    old = push(stand)
    moved = stand.commit("main", {"README.md": "Something.\n"})
    push(stand, over=old)
    (commit,) = stand.commits(BRANCH)
    assert commit.parents == (moved,)
    assert stand.files(BRANCH)["README.md"].content == b"Something.\n"


def test_push_is_refused_if_branch_moved_since_last_read(stand):
    old = push(stand)
    moved = stand.commit(BRANCH, {"README.md": "A person was here.\n"})
    with pytest.raises(ForgeError, match="rerun basebump"):
        push(stand, changes=NEWER_CHANGES, over=old)
    assert stand.branches()[BRANCH] == moved


def test_push_is_refused_if_branch_was_deleted_since_last_read(stand):
    old = push(stand)
    stand.delete_branch(BRANCH)
    with pytest.raises(ForgeError, match="rerun basebump"):
        push(stand, changes=NEWER_CHANGES, over=old)
    assert BRANCH not in stand.branches()


def test_push_of_new_branch_is_refused_if_branch_already_exists(stand):
    persons = stand.commit(BRANCH, {"README.md": "A person was here first.\n"})
    with pytest.raises(ForgeError, match="rerun basebump"):
        push(stand)
    assert stand.branches()[BRANCH] == persons


@pytest.mark.parametrize("path", ["current", "vendor", "app", "new/Dockerfile", "app/../Dockerfile"])
def test_push_is_refused_if_path_is_not_an_existing_regular_file(stand, path):
    with pytest.raises(ForgeError, match="regular file"):
        push(stand, changes=[*CHANGES, FileChange(FilePath(path), b"FROM x\n")])
    assert BRANCH not in stand.branches()


def test_push_without_changes_is_refused(stand):
    unchanged = FileChange(FilePath("Dockerfile"), stand.files("main")["Dockerfile"].content)
    with pytest.raises(ForgeError, match="would not change any file"):
        push(stand, changes=[unchanged])
    assert BRANCH not in stand.branches()


def test_branch_without_pull_request_is_listed_with_intent(stand):
    head = push(stand)
    (seen,) = look(stand)
    assert (seen.state, seen.head, seen.intent) == (RequestState.BRANCH, head, INTENT)
    assert seen.committed_at is not None
    assert seen.committed_at.utcoffset() is not None


def test_own_branch_is_listed_even_if_caller_names_no_branches(stand):
    push(stand)
    assert [each.branch for each in stand.forge().list_requests(PREFIX, frozenset())] == [BRANCH]


def test_branches_outside_prefix_are_not_listed(stand):
    for branch in ("basebumper/x", "team/basebump/x", "feature"):
        stand.commit(branch, {"README.md": branch})
    push(stand)
    assert {each.branch for each in stand.forge().list_requests(PREFIX, frozenset())} == {BRANCH}


def test_branch_prefix_may_end_in_the_middle_of_a_path_segment(stand):
    push(stand)
    push(stand, OTHER)
    assert {each.branch for each in stand.forge().list_requests("basebump/py", frozenset())} == {BRANCH}
    assert stand.forge().list_requests("basebump/py/", frozenset()) == ()


# Whose commit it is


def test_branch_with_user_commit_on_top_has_no_intent(stand):
    propose(stand)
    head = stand.commit(BRANCH, {"README.md": "More.\n"}, message_of())
    seen = open_one(stand)
    assert (seen.head, seen.intent) == (head, None)


def test_branch_whose_commit_was_amended_by_user_has_no_intent(stand):
    propose(stand)
    head = stand.amend_commit(BRANCH, {"README.md": "More.\n"})
    seen = open_one(stand)
    assert (seen.head, seen.intent) == (head, None)


def test_user_branch_with_name_and_message_of_basebump_has_no_intent(stand):
    stand.commit(BRANCH, {"Dockerfile": NEW}, message_of())
    (seen,) = look(stand)
    assert (seen.state, seen.intent) == (RequestState.BRANCH, None)


def test_intent_line_outside_trailers_of_commit_message_is_ignored(stand):
    push(stand, message="Update python\n\nBasebump-Intent: 1 " + INTENT + "\n\nand more\n")
    (seen,) = look(stand)
    assert seen.intent is None


def test_pull_request_from_fork_with_own_branch_name_is_ignored(stand):
    stand.propose_from_fork(BRANCH, {"Dockerfile": NEW})
    assert look(stand) == []
    propose(stand)
    assert open_one(stand).intent == INTENT


# Trouble


@pytest.mark.parametrize("verb", ["push", "open", "update_request", "close", "add_comment", "delete_branch"])
def test_refused_write_raises_error_with_hint_and_changes_nothing(stand, verb):
    seen = propose(stand)
    before, requests = stand.branches(), stand.requests()
    stand.refuse_writes(BRANCH)
    forge = stand.forge()
    writes = {
        "push": lambda: push(stand, changes=NEWER_CHANGES, over=seen.head),
        "open": lambda: forge.open(proposal(title="Other words")),
        "update_request": lambda: forge.update_request(seen, "Other words", seen.body),
        "close": lambda: forge.close(seen),
        "add_comment": lambda: forge.add_comment(seen, "Hands off."),
        "delete_branch": lambda: forge.delete_branch(seen),
    }
    with pytest.raises(ForgeError, match="; hint: ") as refused:
        writes[verb]()
    assert len(str(refused.value)) > 40
    assert (stand.branches(), stand.requests()) == (before, requests)


def test_fake_forge_records_writes_but_not_reads(stand):
    assert stand.writes == []
    look(stand)
    assert stand.writes == []
    propose(stand)
    assert stand.writes


# Trees


def test_tree_lists_only_regular_files_of_base_branch(stand):
    stand.commit(BRANCH, {"Dockerfile": "FROM other\n"})
    fleet = stand.fleet()
    (repository,) = fleet.list_repositories(frozenset({stand.name}))
    assert (repository.base_branch, repository.commit) == ("main", stand.branches()["main"])
    tree = fleet.open_tree(repository)
    entries = list(tree.list_entries())
    read = dict(zip([entry.path for entry in entries], tree.read(entries), strict=True))
    expected = {path: file.content for path, file in stand.files("main").items() if file.mode in (REGULAR, EXECUTABLE)}
    assert tree.is_complete
    assert read == expected
    assert {"Dockerfile", "größe/Dockerfile", "app/build.sh"} <= read.keys()
    assert not {"current", "vendor"} & read.keys()


def test_tree_entries_have_file_sizes_unless_forge_is_gitlab(stand):
    fleet = stand.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    tree = fleet.open_tree(repository)
    entries = list(tree.list_entries())
    sizes = [len(content) for content in tree.read(entries)]
    assert sizes
    assert [entry.size for entry in entries] == ([None] * len(sizes) if repository.forge == "gitlab" else sizes)


def test_only_tree_of_local_forge_is_readable_by_another_process(stand):
    fleet = stand.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    tree = fleet.open_tree(repository)
    assert tree.is_on_disk == (repository.forge == "local")
    if tree.is_on_disk:
        entries = list(tree.list_entries())
        assert list(pickle.loads(pickle.dumps(tree)).read(entries)) == list(tree.read(entries))


def test_missing_file_yields_tree_error_and_other_files_are_read(stand):
    fleet = stand.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    tree = fleet.open_tree(repository)
    (first, *_) = tree.list_entries()
    missing = TreeEntry(FilePath("missing"), 1, "0" * 40)
    before, error, after = tree.read([first, missing, first])
    assert isinstance(error, TreeError)
    assert before == after == stand.files("main")[first.path].content


def read_earlier(stand, path, max_commits):
    fleet = stand.fleet()
    (repository,) = fleet.list_repositories(frozenset({stand.name}))
    return list(fleet.open_tree(repository).history.read_earlier(FilePath(path), max_commits))


@pytest.mark.parametrize("path", ["größe/[a]*/Dockerfile", "Containerfile"])
def test_file_history_lists_earlier_contents_newest_first(path, stand):
    contents = [f"FROM base:{number}\n" for number in range(4)]
    for number, content in enumerate(contents):
        stand.commit("main", {path: content})
        stand.commit("main", {"README.md": f"Change {number}.\n"})
    stand.commit(BRANCH, {path: "FROM other\n"})
    assert read_earlier(stand, path, 10) == [each.encode() for each in reversed(contents[:-1])]
    assert read_earlier(stand, path, 2) == [each.encode() for each in reversed(contents[1:-1])]


def test_file_that_was_never_changed_has_no_history(stand):
    assert read_earlier(stand, "Dockerfile", 10) == []
    assert read_earlier(stand, "missing/Dockerfile", 10) == []


def test_repository_outside_requested_names_is_not_listed(stand):
    assert list(stand.fleet().list_repositories(frozenset({"another"}))) == []
