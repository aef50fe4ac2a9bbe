"""What only a forge without a server has: names in a folder, worktrees, refs that anybody can write."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime

import pytest
from support.git import Git, Person

from bot.core.lifecycle import next_step
from bot.core.mark import mark, trailer
from bot.forges._local_refs import MAX_PROPOSAL
from bot.forges.local import BOT, LocalFleet
from bot.model.errors import ForgeError, TreeError
from bot.model.proposal import Change, Leave, LeaveReason, Proposal, RequestState
from bot.model.report import Failed
from bot.model.source import FilePath
from bot.model.vocabulary import Stage
from bot.ports import Entry, GitRepository

BRANCH = "basebump/python-3.12-slim-06e5bb43"
OTHER = "basebump/node-22-5e7a1fd3"
HEAD_REF, PROPOSAL_REF, TOLD_REF = (
    f"refs/{kind}/{BRANCH}" for kind in ("heads", "basebump/proposals", "basebump/told")
)
INTENT, REPORT = "1" * 16, "2" * 16
TARGETS = ("docker.io/library/python:3.12-slim@sha256:" + "a" * 64,)
OLD, NEW = b"FROM python:3.12-slim\n", b"FROM python:3.12-slim@sha256:" + b"a" * 64 + b"\n"
CHANGES = (Change(FilePath("Dockerfile"), NEW),)
MESSAGE = f"Update python\n\n{trailer(INTENT)}\n"
PROPOSAL = Proposal(
    BRANCH, "Update python", mark(TARGETS, REPORT, withdrawn=False), MESSAGE, CHANGES, (), TARGETS, INTENT, REPORT
)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "fleet"


@pytest.fixture(params=["bare", "checked-out"])
def git(request, root):
    is_bare = request.param == "bare"
    return Git.create(root / ("acme.git" if is_bare else "acme"), {"Dockerfile": OLD}, bare=is_bare)


def _look(root, *names, only=()):
    return list(LocalFleet(root, names).repositories(frozenset(only)))


def _forge(git):
    fleet = LocalFleet(git.directory.parent)
    (repository,) = fleet.repositories(frozenset({"acme"}))
    return fleet.forge(repository)


def _propose(git, branch=BRANCH):
    head = _forge(git).push(branch, CHANGES, MESSAGE, None)
    _forge(git).open(Proposal(branch, *(getattr(PROPOSAL, name) for name in Proposal.__slots__[1:])))
    return head


def _seen(git, branch=BRANCH):
    return [each for each in _forge(git).seen("basebump/", frozenset({branch})) if each.branch == branch]


# Which repositories there are


def test_repositories_are_the_folders_that_git_made_bare_ones_without_their_ending(root):
    bare = Git.create(root / "bare.git", {"a": "1"})
    plain = Git.create(root / "plain", {"a": "2"}, bare=False)
    Git(root).run("init", "--quiet")
    (root / "notes").mkdir()
    (root / "notes.txt").write_text("no repository")
    assert _look(root) == [
        GitRepository("local", "bare", "main", bare.head("main")),
        GitRepository("local", "plain", "main", plain.head("main")),
    ]


def test_a_bare_repository_beside_a_folder_of_its_name_keeps_its_ending(root):
    bare, plain = Git.create(root / "x.git", {"a": "1"}), Git.create(root / "x", {"a": "2"}, bare=False)
    assert {each.name: each.commit for each in _look(root)} == {"x.git": bare.head("main"), "x": plain.head("main")}


def test_links_and_linked_worktrees_are_not_found_a_second_time(root):
    git = Git.create(root / "acme", {"a": "1"}, bare=False)
    git.run("worktree", "add", "--quiet", "-b", "feature", str(root / "feature"))
    (root / "link").symlink_to(root / "acme")
    assert [each.name for each in _look(root)] == ["acme"]
    assert [each.base_branch for each in _look(root, "feature")] == ["feature"]


def test_named_repositories_are_the_only_ones_and_keep_their_order(root):
    for name in ("a", "b", "c"):
        Git.create(root / f"{name}.git", {"a": name})
    assert [each.name for each in _look(root, "c", "a")] == ["c", "a"]
    assert [each.name for each in _look(root, "c", "a", only={"a", "b"})] == ["a"]


def test_repositories_may_lie_deeper_when_they_are_named(root):
    Git.create(root / "team" / "acme.git", {"a": "1"})
    assert [each.base_branch for each in _look(root, "team/acme")] == ["main"]


@pytest.mark.parametrize("name", ["..", "../outside", "a/../../outside", "/etc", "", ".", "a\0b"])
def test_a_name_cannot_leave_the_folder(root, name):
    Git.create(root.parent / "outside", {"a": "1"}, bare=False)
    Git.create(root / "a", {"a": "1"}, bare=False)
    (failed,) = _look(root, name)
    assert (failed.subject, failed.stage) == (name, Stage.SURVEY)
    assert "names no repository" in failed.error


def test_a_link_cannot_leave_the_folder(root):
    Git.create(root.parent / "outside", {"a": "1"}, bare=False)
    root.mkdir()
    (root / "acme").symlink_to(root.parent / "outside")
    (failed,) = _look(root, "acme")
    assert "leads out of" in failed.error


def test_a_worktree_cannot_lead_to_a_repository_outside_of_the_folder(root):
    outside = Git.create(root.parent / "outside", {"a": "1"}, bare=False)
    outside.run("worktree", "add", "--quiet", "-b", "feature", str(root / "acme"))
    (failed,) = _look(root, "acme")
    assert "outside of" in failed.error


def test_one_that_is_missing_or_no_repository_is_a_failure_and_the_rest_goes_on(root):
    Git.create(root, {"a": "0"}, bare=False)  # a repository around them is none of theirs
    Git.create(root / "acme.git", {"a": "1"})
    (root / "notes").mkdir()
    missing, notes, found = _look(root, "missing", "notes", "acme")
    assert missing == Failed("missing", Stage.SURVEY, missing.error)
    assert "there is no folder" in missing.error
    assert "no git repository" in notes.error
    assert found.name == "acme"


def test_a_folder_that_is_missing_is_one_failure(root):
    (failed,) = _look(root)
    assert (failed.subject, failed.stage) == (str(root), Stage.SURVEY)
    assert "No such file" in failed.error


def test_a_folder_without_repositories_is_one_failure(root):
    Git.create(root, {"a": "1"}, bare=False)
    (failed,) = _look(root)
    assert "no git repository lies directly in it" in failed.error


@pytest.mark.parametrize("name", ["loop", "x" * 300])
def test_a_name_that_the_file_system_refuses_is_a_failure(root, name):
    root.mkdir()
    (root / "loop.git").symlink_to(root / "loop.git")
    (failed,) = _look(root, name)
    assert "correct its name" in failed.error


def test_without_git_every_repository_is_a_failure(root, monkeypatch):
    Git.create(root / "acme.git", {"a": "1"})
    monkeypatch.setenv("PATH", str(root))
    (failed,) = _look(root)
    assert "git" in failed.error


def test_an_empty_or_detached_repository_has_no_base_branch(root):
    Git.create(root / "empty.git")
    detached = Git.create(root / "detached", {"a": "1"}, bare=False)
    detached.run("checkout", "--quiet", "--detach")
    found = _look(root)
    assert found == [GitRepository("local", name, None, None) for name in ("detached", "empty")]
    for repository in found:
        with pytest.raises(TreeError, match="HEAD"):
            LocalFleet(root).tree(repository)
        with pytest.raises(ForgeError, match="HEAD"):
            LocalFleet(root).forge(repository).seen("basebump/", frozenset())


def test_a_head_that_names_no_branch_is_no_base_branch(root):
    git = Git.create(root / "acme.git", {"a": "1"})
    git.run("update-ref", "refs/remotes/origin/main", "main")
    git.run("symbolic-ref", "HEAD", "refs/remotes/origin/main")
    assert _look(root) == [GitRepository("local", "acme", None, None)]


def test_the_base_branch_is_what_head_names_whatever_it_is_called(root):
    git = Git.create(root / "acme.git", {"a": "1"})
    git.commit("release/1.0", {"a": "2"})
    git.run("symbolic-ref", "HEAD", "refs/heads/release/1.0")
    assert _look(root) == [GitRepository("local", "acme", "release/1.0", git.head("release/1.0"))]


def test_a_proposal_of_ours_is_no_base_branch(root, git):
    _propose(git)
    git.run("symbolic-ref", "HEAD", HEAD_REF)
    (failed,) = _look(root)
    assert "switch to" in failed.error


@pytest.fixture
def git_first(tmp_path, monkeypatch):
    """Return a function that puts shell commands before whatever git does next; `$git` is the real one."""

    def put(commands):
        wrapper = tmp_path / "bin" / "git"
        wrapper.parent.mkdir()
        wrapper.write_text(f'#!/bin/sh\ngit="{shutil.which("git")}"\n{commands}\nexec "$git" "$@"\n')
        wrapper.chmod(0o755)
        monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")

    return put


def test_somebody_elses_repository_is_refused_with_what_to_do(root, git, git_first):
    git_first("export GIT_TEST_ASSUME_DIFFERENT_OWNER=1")
    (failed,) = _look(root)
    assert f"`git config --global --add safe.directory {git.directory}`" in failed.error
    subprocess.run(["git", "config", "--global", "--add", "safe.directory", str(git.directory)], check=True)
    (repository,) = _look(root)
    assert repository.base_branch == "main"


# Trees


def test_files_are_read_as_they_are_stored(root):
    crlf = {".gitattributes": "* text eol=crlf\n*.txt filter=shout\n", "Dockerfile": OLD, "a.txt": "quiet\n"}
    git = Git.create(root / "acme.git", crlf)
    git.run("config", "filter.shout.smudge", "tr a-z A-Z")
    git.run("config", "core.autocrlf", "true")
    fleet = LocalFleet(root)
    (repository,) = fleet.repositories(frozenset())
    tree = fleet.tree(repository)
    entries = list(tree.entries())
    assert dict(zip([entry.path for entry in entries], tree.read(entries), strict=True)) == {
        path: content if isinstance(content, bytes) else content.encode() for path, content in crlf.items()
    }
    fleet.forge(repository).push(BRANCH, [Change(FilePath("Dockerfile"), b"FROM x\r\nRUN\n")], MESSAGE, None)
    assert git.files(BRANCH)["Dockerfile"].content == b"FROM x\r\nRUN\n"


def test_a_path_that_is_not_utf8_is_read_and_written(root, git):
    blob = git.run("hash-object", "-w", "--stdin", stdin=OLD).strip()
    listing = b"100644 blob " + blob + b"\tgr\xf6\xdfe\0"
    tree = git.run("mktree", "-z", stdin=listing).decode().strip()
    commit = git.run("commit-tree", tree, stdin=b"odd").decode().strip()
    git.run("update-ref", "refs/heads/main", commit)
    fleet = LocalFleet(root)
    (repository,) = fleet.repositories(frozenset())
    (entry,) = fleet.tree(repository).entries()
    assert entry.path == os.fsdecode(b"gr\xf6\xdfe")
    fleet.forge(repository).push(BRANCH, [Change(entry.path, NEW)], MESSAGE, None)
    assert git.files(BRANCH)[entry.path].content == NEW


def test_a_tree_that_cannot_be_read_is_an_error(root, git):
    gone = GitRepository("local", "acme", "main", "5" * 40)
    with pytest.raises(TreeError):
        list(LocalFleet(root).tree(gone).entries())
    with pytest.raises(TreeError, match="missing"):
        LocalFleet(root).tree(GitRepository("local", "missing", "main", "5" * 40))
    (refused,) = LocalFleet(root).tree(gone).read([Entry(FilePath("Dockerfile"), None)])
    assert isinstance(refused, TreeError)
    assert "no entry" in str(refused)


# Whose commit it is


def test_our_commits_are_made_by_the_bot_and_nobody_signs_them(git):
    git.run("config", "commit.gpgSign", "true")
    git.run("config", "user.name", "Somebody")
    before = datetime.now(UTC).replace(microsecond=0)
    _propose(git)
    (commit,) = git.log(BRANCH, without="main")
    assert commit.author == commit.committer == Person(BOT.name, BOT.email) == Person("basebump", "basebump@localhost")
    (seen,) = _seen(git)
    assert before <= seen.committed <= datetime.now(UTC)


@pytest.mark.parametrize("which", ["author", "committer"])
def test_a_commit_is_ours_only_if_author_and_committer_are_the_bot(git, which):
    bot, ada = Person(BOT.name, BOT.email), Person("Ada", "ada@example.org")
    people = {"author": ada, "who": bot} if which == "author" else {"author": bot, "who": ada}
    commit = git.make_commit([git.head("main")], {"Dockerfile": NEW}, MESSAGE, **people)
    git.run("update-ref", HEAD_REF, commit)
    assert [each.intent for each in _seen(git)] == [None]


def test_a_merge_is_never_ours(git):
    bot = Person(BOT.name, BOT.email)
    base, side = git.head("main"), git.commit("side", {"a": "1"})
    git.run("update-ref", HEAD_REF, git.make_commit([base, side], {"Dockerfile": NEW}, MESSAGE, who=bot))
    assert [each.intent for each in _seen(git)] == [None]


def test_a_commit_from_outside_of_time_does_not_stop_us(git):
    tree = git.run("rev-parse", "main^{tree}").decode().strip()
    ada = "Ada <ada@example.org> 99999999999999 +0000"
    content = f"tree {tree}\nparent {git.head('main')}\nauthor {ada}\ncommitter {ada}\n\n{MESSAGE}"
    commit = git.run("hash-object", "-w", "-t", "commit", "--literally", "--stdin", stdin=content.encode())
    git.run("update-ref", HEAD_REF, commit.decode().strip())
    (seen,) = _seen(git)
    assert (seen.state, seen.committed) == (RequestState.BRANCH, None)


# What is stored


def test_a_proposal_is_a_branch_and_a_blob_of_json_and_nothing_else(git):
    before = git.refs()
    head = _propose(git)
    after = git.refs()
    assert after == before | {HEAD_REF: head, PROPOSAL_REF: after[PROPOSAL_REF]}
    assert json.loads(git.run("cat-file", "blob", PROPOSAL_REF)) == {
        "title": PROPOSAL.title,
        "body": PROPOSAL.body,
        "state": "open",
    }


def test_all_of_it_survives_packing_and_pruning(git):
    _propose(git)
    (before,) = _seen(git)
    _forge(git).tell(before, "Hands off.")
    git.run("pack-refs", "--all")
    git.run("gc", "--quiet", "--prune=now")
    (after,) = _seen(git)
    assert (after.told, after.body, after.head) == (True, before.body, before.head)
    _forge(git).close(after)
    assert [each.state for each in _seen(git)] == [RequestState.CLOSED]


def test_it_works_where_objects_are_named_by_sha256(root):
    git = Git(root / "acme.git")
    git.directory.mkdir(parents=True)
    git.run("init", "--quiet", "--bare", "--initial-branch=main", "--object-format=sha256")
    git.commit("main", {"Dockerfile": OLD})
    _propose(git)
    (seen,) = _seen(git)
    assert len(seen.head) == 64
    _forge(git).close(seen)
    assert list(git.branches()) == ["main"]


def test_looking_writes_nothing_not_even_objects(git):
    _propose(git)
    git.commit("main", {"Dockerfile": "FROM python:3.13\n", "b": "1"})
    before = git.run("count-objects", "-v"), git.refs()
    (seen,) = _seen(git)
    assert seen.conflicts
    assert (git.run("count-objects", "-v"), git.refs()) == before


def test_closing_moves_both_refs_or_none(git):
    head = _propose(git)
    (seen,) = _seen(git)
    _forge(git).tell(seen, "Hands off.")
    common = git.directory / git.run("rev-parse", "--git-common-dir").decode().strip()
    lock = common / f"{PROPOSAL_REF}.lock"
    lock.touch()
    with pytest.raises(ForgeError, match="remove the lock"):
        _forge(git).close(seen)
    assert git.head(BRANCH) == head
    lock.unlink()
    _forge(git).close(seen)
    assert list(git.refs()) == [PROPOSAL_REF, "refs/heads/main"]
    assert json.loads(git.run("cat-file", "blob", PROPOSAL_REF))["state"] == "closed"


def test_a_branch_that_a_person_moved_is_not_closed(git):
    _propose(git)
    (seen,) = _seen(git)
    head = git.commit(BRANCH, {"a": "1"})
    with pytest.raises(ForgeError, match="again"):
        _forge(git).close(seen)
    assert git.head(BRANCH) == head
    assert json.loads(git.run("cat-file", "blob", PROPOSAL_REF))["state"] == "open"


def test_dropping_a_merged_branch_takes_its_proposal_and_what_was_told_with_it(git):
    _propose(git)
    (seen,) = _seen(git)
    _forge(git).tell(seen, "Hands off.")
    git.merge(BRANCH, "main")
    merged, branch = _seen(git)
    assert (merged.state, branch.state) == (RequestState.MERGED, RequestState.BRANCH)
    _forge(git).drop(branch)
    assert list(git.refs()) == ["refs/heads/main"]


def _blob(git, content):
    return git.run("hash-object", "-w", "--stdin", stdin=content).decode().strip()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b'{"title": "t", "body": "b"}',
        b'{"title": "t", "body": "b", "state": "merged"}',
        b'{"title": 1, "body": "b", "state": "open"}',
        b"[" * 100_000,
        b'{"title": "t", "state": "open", "body": "' + b"x" * MAX_PROPOSAL + b'"}',
        None,
    ],
    ids=["empty", "bytes", "list", "no-state", "state", "title", "deep", "large", "tree"],
)
def test_a_ref_that_holds_no_proposal_costs_no_other_and_is_not_overwritten(git, content):
    _propose(git, OTHER)
    oid = _blob(git, content) if content is not None else git.run("rev-parse", "main^{tree}").decode().strip()
    git.run("update-ref", PROPOSAL_REF, oid)
    assert [each.branch for each in _forge(git).seen("basebump/", frozenset({BRANCH, OTHER}))] == [OTHER]
    _forge(git).push(BRANCH, CHANGES, MESSAGE, None)
    (seen,) = _seen(git)
    assert (seen.state, seen.intent) == (RequestState.BRANCH, INTENT)
    with pytest.raises(ForgeError, match="update-ref -d"):
        _forge(git).open(PROPOSAL)
    assert git.refs()[PROPOSAL_REF] == oid
    _forge(git).drop(seen)
    assert git.head(BRANCH) is None


def test_a_symbolic_branch_is_a_persons_and_never_followed(git):
    ours = _propose(git, OTHER)
    git.run("symbolic-ref", HEAD_REF, f"refs/heads/{OTHER}")
    (seen,) = _seen(git)
    assert (seen.head, seen.intent) == (ours, None)
    moved = _forge(git).push(BRANCH, [Change(FilePath("Dockerfile"), b"FROM x\n")], MESSAGE, ours)
    assert (git.head(BRANCH), git.head(OTHER)) == (moved, ours)


def test_a_base_without_a_common_past_is_a_conflict(git):
    _propose(git)
    git.run("update-ref", "refs/heads/main", git.make_commit([], {"Dockerfile": OLD}, "A new start"))
    (seen,) = _seen(git)
    assert seen.conflicts


@pytest.mark.parametrize("verb", ["push", "open", "amend", "close", "tell", "drop"])
@pytest.mark.parametrize("moved", [HEAD_REF, PROPOSAL_REF])
def test_what_a_person_does_in_the_last_moment_is_not_overwritten(git, git_first, verb, moved):
    _propose(git)
    (seen,) = _seen(git)
    theirs = git.make_commit([seen.head], {"a": "1"}, "A person's work") if moved == HEAD_REF else _blob(git, b"theirs")
    git_first(f"""case "$*" in *update-ref*) "$git" update-ref {moved} {theirs};; esac""")
    writes = {
        "push": lambda: _forge(git).push(BRANCH, [Change(FilePath("Dockerfile"), b"FROM x\n")], MESSAGE, seen.head),
        "open": lambda: _forge(git).open(PROPOSAL),
        "amend": lambda: _forge(git).amend(seen, "Other words", ""),
        "close": lambda: _forge(git).close(seen),
        "tell": lambda: _forge(git).tell(seen, "Hands off."),
        "drop": lambda: _forge(git).drop(seen),
    }
    if (verb, moved) in {("push", PROPOSAL_REF), ("amend", HEAD_REF), ("tell", HEAD_REF)}:
        writes[verb]()  # they do not touch what moved
    else:
        with pytest.raises(ForgeError, match="run basebump again"):
            writes[verb]()
        assert TOLD_REF not in git.refs()
    assert git.refs()[moved] == theirs


@pytest.mark.parametrize("verb", ["amend", "close", "tell"])
def test_what_is_not_open_takes_no_word(git, verb):
    _propose(git)
    (seen,) = _seen(git)
    LocalFleet(git.directory.parent).decline("acme", BRANCH)
    words = {"amend": ("t", "b"), "close": (), "tell": ("t",)}[verb]
    with pytest.raises(ForgeError, match="no open proposal"):
        getattr(_forge(git), verb)(seen, *words)


def test_a_message_that_no_encoding_has_is_refused(git):
    with pytest.raises(ForgeError, match="encoding"):
        _forge(git).push(BRANCH, CHANGES, "Update \ud800", None)
    assert git.head(BRANCH) is None


# What the surroundings may not change


def test_hooks_do_not_run(git, tmp_path):
    hooks, ran = tmp_path / "hooks", tmp_path / "ran"
    hooks.mkdir()
    for hook in ("reference-transaction", "post-index-change"):
        (hooks / hook).write_text(f'#!/bin/sh\necho {hook} >> "{ran}"\n')
        (hooks / hook).chmod(0o755)
    git.run("config", "core.hooksPath", str(hooks))
    git.run("update-ref", "refs/heads/x", git.head("main"))
    assert ran.read_text()
    ran.unlink()
    _propose(git)
    assert not ran.exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("core.splitIndex", "true"),
        ("i18n.commitEncoding", "ISO-8859-1"),
        ("safe.bareRepository", "explicit"),
        ("core.logAllRefUpdates", "always"),
        ("log.showSignature", "true"),
        ("core.quotePath", "true"),
        ("transfer.fsckObjects", "true"),
    ],
)
def test_what_people_configure_changes_nothing(git, key, value):
    common = git.directory / git.run("rev-parse", "--git-common-dir").decode().strip()
    before = {entry.name for entry in common.iterdir()}
    subprocess.run(["git", "config", "--global", key, value], check=True)
    head = _propose(git)
    subprocess.run(["git", "config", "--global", "--unset", key], check=True)
    assert b"encoding" not in git.run("cat-file", "commit", head)
    assert {entry.name for entry in common.iterdir()} - {"logs", "packed-refs"} == before - {"logs", "packed-refs"}
    assert [each.intent for each in _seen(git)] == [INTENT]


def test_a_replaced_commit_is_not_what_the_branch_points_to(git):
    head = _propose(git)
    git.run("replace", head, git.make_commit([git.head("main")], {"a": "1"}, "A person's work"))
    assert [each.intent for each in _seen(git)] == [INTENT]


def test_a_partial_clone_fetches_nothing_behind_our_back(root, tmp_path):
    whole = Git.create(tmp_path / "whole.git", {"Dockerfile": OLD})
    whole.run("config", "uploadpack.allowFilter", "true")
    whole.run("clone", "--quiet", "--bare", "--filter=blob:none", f"file://{whole.directory}", str(root / "acme.git"))
    fleet = LocalFleet(root)
    (repository,) = fleet.repositories(frozenset())
    with pytest.raises(TreeError, match="partial clone"):
        list(fleet.tree(repository).entries())
    Git(root / "acme.git").run("fetch", "--quiet", "--refetch", "--no-filter")
    assert [entry.path for entry in fleet.tree(repository).entries()] == ["Dockerfile"]


def test_gits_variables_are_not_inherited(git, tmp_path, monkeypatch):
    elsewhere = Git.create(tmp_path / "elsewhere.git", {"a": "1"})
    monkeypatch.setenv("GIT_DIR", str(elsewhere.directory))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody")
    _propose(git)
    assert [each.intent for each in _seen(git)] == [INTENT]
    assert list(elsewhere.branches()) == ["main"]


def test_a_checkout_stays_as_its_person_left_it(root):
    git = Git.create(root / "acme", {"Dockerfile": OLD, "a": "1"}, bare=False)
    (git.directory / "a").write_text("2")
    git.run("add", "a")
    (git.directory / "Dockerfile").write_text("FROM scratch\n")
    before = git.run("status", "--porcelain")
    assert before
    _propose(git)
    assert git.run("status", "--porcelain") == before


# Worktrees


@pytest.fixture
def worktree(git, tmp_path):
    _propose(git)
    place = tmp_path / "worktree"
    git.run("worktree", "add", "--quiet", str(place), BRANCH)
    return place


@pytest.mark.parametrize("verb", ["push", "close", "drop"])
def test_a_branch_that_is_checked_out_somewhere_is_not_moved(git, worktree, verb):
    (seen,) = _seen(git)
    forge = _forge(git)
    with pytest.raises(ForgeError, match=f"checked out in {worktree}"):
        forge.push(BRANCH, CHANGES, MESSAGE, seen.head) if verb == "push" else getattr(forge, verb)(seen)
    assert _seen(git) == [seen]


def test_the_base_branch_is_never_ours_to_move(git):
    with pytest.raises(ForgeError, match="base branch"):
        _forge(git).push("main", CHANGES, MESSAGE, git.head("main"))
    assert git.files("main")["Dockerfile"].content == OLD


# A person declines


def _decline(git):
    return LocalFleet(git.directory.parent).decline("acme", BRANCH)


def test_a_decline_closes_deletes_our_branch_and_is_remembered(git):
    _propose(git)
    assert _decline(git)
    assert git.head(BRANCH) is None
    (seen,) = _seen(git)
    assert next_step(PROPOSAL, [seen], known=True, now=datetime.now(UTC)) == Leave(BRANCH, LeaveReason.DECLINED, seen)


def test_a_decline_keeps_a_branch_that_holds_a_persons_work(git):
    _propose(git)
    head = git.commit(BRANCH, {"a": "1"})
    assert not _decline(git)
    assert git.head(BRANCH) == head
    assert [each.state for each in _seen(git)] == [RequestState.CLOSED, RequestState.BRANCH]


def test_a_decline_keeps_a_branch_that_is_checked_out(git, worktree):
    assert not _decline(git)
    assert git.head(BRANCH) is not None
    assert {each.state for each in _seen(git)} == {RequestState.CLOSED, RequestState.BRANCH}


def test_a_proposal_whose_branch_was_deleted_can_still_be_declined(git):
    _propose(git)
    git.delete(BRANCH)
    assert _seen(git) == []
    assert _decline(git)
    assert [each.state for each in _seen(git)] == [RequestState.CLOSED]


@pytest.mark.parametrize("branch", [BRANCH, "basebump", "basebump/*", "main", "*", "", "a b", "../x"])
def test_only_an_open_proposal_can_be_declined(git, branch):
    _propose(git, OTHER)
    with pytest.raises(ForgeError, match="no open proposal"):
        LocalFleet(git.directory.parent).decline("acme", branch)
    with pytest.raises(ForgeError, match="there is no folder"):
        LocalFleet(git.directory.parent).decline("missing", branch)
