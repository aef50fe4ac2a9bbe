"""The local forge, as far as the contract tests do not cover it: refs that others write, and worktrees."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from support.forges.local_scene import (
    BRANCH,
    CHANGES,
    HEAD_REF,
    INTENT,
    MESSAGE,
    NEW,
    OLD,
    OTHER,
    PROPOSAL,
    PROPOSAL_REF,
    TOLD_REF,
    forge_of,
    look,
    propose,
)
from support.git import CommitAuthor, DiskRepository

from bot.forges.local.fleet import BOT_IDENTITY, LocalFleet
from bot.forges.local.refs import MAX_PROPOSAL
from bot.model.errors import ForgeError
from bot.model.proposal import RequestState
from bot.model.source import FileChange, FilePath

# Whose commit it is


def test_own_commits_have_bot_identity_and_no_signature(git):
    git.run("config", "commit.gpgSign", "true")
    git.run("config", "user.name", "Somebody")
    before = datetime.now(UTC).replace(microsecond=0)
    propose(git)
    (commit,) = git.log(BRANCH, without="main")
    assert (
        commit.author
        == commit.committer
        == CommitAuthor(BOT_IDENTITY.name, BOT_IDENTITY.email)
        == CommitAuthor("basebump", "basebump@localhost")
    )
    (seen,) = look(git)
    assert before <= seen.committed_at <= datetime.now(UTC)


@pytest.mark.parametrize("which", ["author", "committer"])
def test_commit_is_not_own_unless_author_and_committer_are_basebump(git, which):
    bot, ada = CommitAuthor(BOT_IDENTITY.name, BOT_IDENTITY.email), CommitAuthor("Ada", "ada@example.org")
    people = {"author": ada, "who": bot} if which == "author" else {"author": bot, "who": ada}
    commit = git.make_commit([git.head("main")], {"Dockerfile": NEW}, MESSAGE, **people)
    git.run("update-ref", HEAD_REF, commit)
    assert [each.intent for each in look(git)] == [None]


def test_merge_commit_with_copied_message_is_not_recognised_as_own(git):
    bot = CommitAuthor(BOT_IDENTITY.name, BOT_IDENTITY.email)
    base, side = git.head("main"), git.commit("side", {"a": "1"})
    git.run("update-ref", HEAD_REF, git.make_commit([base, side], {"Dockerfile": NEW}, MESSAGE, who=bot))
    assert [each.intent for each in look(git)] == [None]


def test_branch_with_invalid_commit_date_is_listed_without_date(git):
    tree = git.run("rev-parse", "main^{tree}").decode().strip()
    ada = "Ada <ada@example.org> 99999999999999 +0000"
    content = f"tree {tree}\nparent {git.head('main')}\nauthor {ada}\ncommitter {ada}\n\n{MESSAGE}"
    commit = git.run("hash-object", "-w", "-t", "commit", "--literally", "--stdin", stdin=content.encode())
    git.run("update-ref", HEAD_REF, commit.decode().strip())
    (seen,) = look(git)
    assert (seen.state, seen.committed_at) == (RequestState.BRANCH, None)


# What is stored


def test_proposal_is_stored_as_branch_and_ref_to_json_blob(git):
    before = git.refs()
    head = propose(git)
    after = git.refs()
    assert after == before | {HEAD_REF: head, PROPOSAL_REF: after[PROPOSAL_REF]}
    assert json.loads(git.run("cat-file", "blob", PROPOSAL_REF)) == {
        "title": PROPOSAL.title,
        "body": PROPOSAL.body,
        "state": "open",
        "number": 1,
    }


def test_proposal_survives_packing_and_pruning(git):
    propose(git)
    (before,) = look(git)
    forge_of(git).add_comment(before, "Hands off.")
    git.run("pack-refs", "--all")
    git.run("gc", "--quiet", "--prune=now")
    (after,) = look(git)
    assert (after.has_commented, after.body, after.head) == (True, before.body, before.head)
    forge_of(git).close(after)
    assert [each.state for each in look(git)] == [RequestState.CLOSED]


def test_repository_with_sha256_object_ids_is_supported(root):
    git = DiskRepository(root / "acme.git")
    git.directory.mkdir(parents=True)
    git.run("init", "--quiet", "--bare", "--initial-branch=main", "--object-format=sha256")
    git.commit("main", {"Dockerfile": OLD})
    propose(git)
    (seen,) = look(git)
    assert len(seen.head) == 64
    forge_of(git).close(seen)
    assert list(git.branches()) == ["main"]


def test_listing_proposals_writes_no_git_objects(git):
    propose(git)
    git.commit("main", {"Dockerfile": "FROM python:3.13\n", "b": "1"})
    before = git.run("count-objects", "-v"), git.refs()
    (seen,) = look(git)
    assert seen.has_conflicts
    assert (git.run("count-objects", "-v"), git.refs()) == before


@pytest.mark.parametrize("name", ["basebump", BRANCH + "/x"])
def test_push_is_refused_with_hint_if_branch_name_conflicts_with_existing_branch(git, name):
    git.run("update-ref", f"refs/heads/{name}", "main")
    with pytest.raises(ForgeError, match="`branch_prefix`"):
        forge_of(git).push(BRANCH, CHANGES, MESSAGE, None)


def test_closing_proposal_is_atomic(git):
    head = propose(git)
    (seen,) = look(git)
    forge_of(git).add_comment(seen, "Hands off.")
    common = git.directory / git.run("rev-parse", "--git-common-dir").decode().strip()
    lock = common / f"{PROPOSAL_REF}.lock"
    lock.touch()
    with pytest.raises(ForgeError, match="remove the lock"):
        forge_of(git).close(seen)
    assert git.head(BRANCH) == head
    lock.unlink()
    forge_of(git).close(seen)
    assert list(git.refs()) == [PROPOSAL_REF, "refs/heads/main"]
    assert json.loads(git.run("cat-file", "blob", PROPOSAL_REF))["state"] == "closed"


def test_proposal_is_not_closed_if_branch_moved_since_last_read(git):
    propose(git)
    (seen,) = look(git)
    head = git.commit(BRANCH, {"a": "1"})
    with pytest.raises(ForgeError, match="rerun basebump"):
        forge_of(git).close(seen)
    assert git.head(BRANCH) == head
    assert json.loads(git.run("cat-file", "blob", PROPOSAL_REF))["state"] == "open"


def test_merged_proposal_stays_merged_and_loses_comments_when_branch_is_deleted(git):
    propose(git)
    (seen,) = look(git)
    forge_of(git).add_comment(seen, "Hands off.")
    git.merge(BRANCH, "main")
    merged, branch = look(git)
    assert (merged.state, branch.state) == (RequestState.MERGED, RequestState.BRANCH)
    forge_of(git).delete_branch(branch)
    assert set(git.refs()) == {"refs/heads/main", PROPOSAL_REF}
    (seen,) = look(git)
    assert (seen.state, seen.head) == (RequestState.MERGED, None)
    git.commit("main", {"Dockerfile": OLD})
    assert propose(git) == git.head(BRANCH)
    assert look(git)[0].state is RequestState.OPEN


def _blob(git, content):
    return git.run("hash-object", "-w", "--stdin", stdin=content).decode().strip()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b'{"title": "t", "body": "b"}',
        b'{"title": "t", "body": "b", "state": "lost"}',
        b'{"title": 1, "body": "b", "state": "open"}',
        b"[" * 100_000,
        b'{"title": "t", "state": "open", "body": "' + b"x" * MAX_PROPOSAL + b'"}',
        None,
    ],
    ids=["empty", "bytes", "list", "no-state", "state", "title", "deep", "large", "tree"],
)
def test_malformed_proposal_ref_is_kept_and_does_not_hide_other_proposals(git, content):
    propose(git, OTHER)
    oid = _blob(git, content) if content is not None else git.run("rev-parse", "main^{tree}").decode().strip()
    git.run("update-ref", PROPOSAL_REF, oid)
    assert [each.branch for each in forge_of(git).list_requests("basebump/", frozenset({BRANCH, OTHER}))] == [OTHER]
    forge_of(git).push(BRANCH, CHANGES, MESSAGE, None)
    (seen,) = look(git)
    assert (seen.state, seen.intent) == (RequestState.BRANCH, INTENT)
    with pytest.raises(ForgeError, match="update-ref -d"):
        forge_of(git).open(PROPOSAL)
    assert git.refs()[PROPOSAL_REF] == oid
    forge_of(git).delete_branch(seen)
    assert git.head(BRANCH) is None


def test_symbolic_ref_in_place_of_own_branch_is_not_followed(git):
    ours = propose(git, OTHER)
    git.run("symbolic-ref", HEAD_REF, f"refs/heads/{OTHER}")
    (seen,) = look(git)
    assert (seen.head, seen.intent) == (ours, None)
    moved = forge_of(git).push(BRANCH, [FileChange(FilePath("Dockerfile"), b"FROM x\n")], MESSAGE, ours)
    assert (git.head(BRANCH), git.head(OTHER)) == (moved, ours)


def test_base_branch_without_common_history_is_a_conflict(git):
    propose(git)
    git.run("update-ref", "refs/heads/main", git.make_commit([], {"Dockerfile": OLD}, "A new start"))
    (seen,) = look(git)
    assert seen.has_conflicts


@pytest.mark.parametrize("verb", ["push", "open", "update_request", "close", "add_comment", "delete_branch"])
@pytest.mark.parametrize("moved", [HEAD_REF, PROPOSAL_REF])
def test_change_by_user_during_write_is_not_overwritten(git, run_before_git, verb, moved):
    propose(git)
    (seen,) = look(git)
    theirs = git.make_commit([seen.head], {"a": "1"}, "A person's work") if moved == HEAD_REF else _blob(git, b"theirs")
    run_before_git(f"""case "$*" in *update-ref*) "$git" update-ref {moved} {theirs};; esac""")
    writes = {
        "push": lambda: forge_of(git).push(
            BRANCH, [FileChange(FilePath("Dockerfile"), b"FROM x\n")], MESSAGE, seen.head
        ),
        "open": lambda: forge_of(git).open(PROPOSAL),
        "update_request": lambda: forge_of(git).update_request(seen, "Other words", ""),
        "close": lambda: forge_of(git).close(seen),
        "add_comment": lambda: forge_of(git).add_comment(seen, "Hands off."),
        "delete_branch": lambda: forge_of(git).delete_branch(seen),
    }
    if (verb, moved) in {("push", PROPOSAL_REF), ("update_request", HEAD_REF), ("add_comment", HEAD_REF)}:
        writes[verb]()  # they do not touch what moved
    else:
        with pytest.raises(ForgeError, match="rerun basebump"):
            writes[verb]()
        assert TOLD_REF not in git.refs()
    assert git.refs()[moved] == theirs


@pytest.mark.parametrize("verb", ["update_request", "close", "add_comment"])
def test_writes_to_closed_proposal_are_refused(git, verb):
    propose(git)
    (seen,) = look(git)
    LocalFleet(git.directory.parent).decline_proposal("acme", BRANCH)
    writes = {
        "update_request": lambda: forge_of(git).update_request(seen, "t", "b"),
        "close": lambda: forge_of(git).close(seen),
        "add_comment": lambda: forge_of(git).add_comment(seen, "t"),
    }
    with pytest.raises(ForgeError, match="no open proposal"):
        writes[verb]()


def test_commit_message_that_cannot_be_encoded_is_refused(git):
    with pytest.raises(ForgeError, match="cannot encode"):
        forge_of(git).push(BRANCH, CHANGES, "Update \ud800", None)
    assert git.head(BRANCH) is None


# Worktrees


@pytest.fixture
def worktree(git, tmp_path):
    propose(git)
    folder = tmp_path / "worktree"
    git.run("worktree", "add", "--quiet", str(folder), BRANCH)
    return folder


@pytest.mark.parametrize("verb", ["push", "close", "delete_branch"])
def test_branch_checked_out_in_worktree_is_neither_moved_nor_deleted(git, worktree, verb):
    (seen,) = look(git)
    writes = {
        "push": lambda: forge_of(git).push(BRANCH, CHANGES, MESSAGE, seen.head),
        "close": lambda: forge_of(git).close(seen),
        "delete_branch": lambda: forge_of(git).delete_branch(seen),
    }
    with pytest.raises(ForgeError, match=f"checked out in {worktree}"):
        writes[verb]()
    assert look(git) == [seen]


def test_push_to_base_branch_is_refused(git):
    with pytest.raises(ForgeError, match="base branch"):
        forge_of(git).push("main", CHANGES, MESSAGE, git.head("main"))
    assert git.files("main")["Dockerfile"].content == OLD
