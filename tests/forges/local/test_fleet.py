"""The repositories and files of a folder, and surroundings that must not affect them."""

from __future__ import annotations

import os
import re
import subprocess

import pytest
from support.forges.local_scene import BRANCH, HEAD_REF, INTENT, MESSAGE, NEW, OLD, look, propose, repositories_of
from support.git import DiskRepository

from bot.forges.local.fleet import LocalFleet
from bot.model.errors import ForgeError, TreeError
from bot.model.forge import GitRepository, TreeEntry
from bot.model.report import RunFailure
from bot.model.source import FileChange, FilePath
from bot.model.vocabulary import FailureStage

# Which repositories there are


def test_git_folders_are_listed_as_repositories_without_git_suffix(root):
    bare = DiskRepository.create(root / "bare.git", {"a": "1"})
    plain = DiskRepository.create(root / "plain", {"a": "2"}, bare=False)
    DiskRepository(root).run("init", "--quiet")
    (root / "notes").mkdir()
    (root / "notes.txt").write_text("no repository")
    assert repositories_of(root) == [
        GitRepository("local", "bare", "main", bare.head("main"), is_public=False),
        GitRepository("local", "plain", "main", plain.head("main"), is_public=False),
    ]


def test_bare_repository_keeps_git_suffix_if_name_without_suffix_is_taken(root):
    bare, plain = (
        DiskRepository.create(root / "x.git", {"a": "1"}),
        DiskRepository.create(root / "x", {"a": "2"}, bare=False),
    )
    assert {each.name: each.commit for each in repositories_of(root)} == {
        "x.git": bare.head("main"),
        "x": plain.head("main"),
    }


def test_symbolic_links_and_worktrees_are_not_listed_as_repositories(root):
    git = DiskRepository.create(root / "acme", {"a": "1"}, bare=False)
    git.run("worktree", "add", "--quiet", "-b", "feature", str(root / "feature"))
    (root / "link").symlink_to(root / "acme")
    assert [each.name for each in repositories_of(root)] == ["acme"]
    assert [each.base_branch for each in repositories_of(root, "feature")] == ["feature"]


def test_named_repositories_are_listed_in_configured_order(root):
    for name in ("a", "b", "c"):
        DiskRepository.create(root / f"{name}.git", {"a": name})
    assert [each.name for each in repositories_of(root, "c", "a")] == ["c", "a"]
    assert [each.name for each in repositories_of(root, "c", "a", only={"a", "b"})] == ["a"]


def test_named_repository_is_found_in_subfolder(root):
    DiskRepository.create(root / "team" / "acme.git", {"a": "1"})
    assert [each.base_branch for each in repositories_of(root, "team/acme")] == ["main"]


@pytest.mark.parametrize("name", ["..", "../outside", "a/../../outside", "/etc", "", ".", "a\0b"])
def test_repository_name_with_path_outside_folder_is_refused(root, name):
    DiskRepository.create(root.parent / "outside", {"a": "1"}, bare=False)
    DiskRepository.create(root / "a", {"a": "1"}, bare=False)
    (failed,) = repositories_of(root, name)
    assert (failed.subject, failed.stage) == (name, FailureStage.SURVEY)
    assert "repository name" in failed.error


def test_symbolic_link_to_repository_outside_folder_is_refused(root):
    DiskRepository.create(root.parent / "outside", {"a": "1"}, bare=False)
    root.mkdir()
    (root / "acme").symlink_to(root.parent / "outside")
    (failed,) = repositories_of(root, "acme")
    assert " link " in failed.error


def test_worktree_of_outside_repository_is_refused(root):
    outside = DiskRepository.create(root.parent / "outside", {"a": "1"}, bare=False)
    outside.run("worktree", "add", "--quiet", "-b", "feature", str(root / "acme"))
    (failed,) = repositories_of(root, "acme")
    assert "outside of" in failed.error


def test_missing_repository_is_reported_and_others_are_listed(root):
    DiskRepository.create(root, {"a": "0"}, bare=False)  # a repository around them is none of theirs
    DiskRepository.create(root / "acme.git", {"a": "1"})
    (root / "notes").mkdir()
    missing, notes, found = repositories_of(root, "missing", "notes", "acme")
    assert missing == RunFailure("missing", FailureStage.SURVEY, missing.error)
    assert "no folder" in missing.error
    assert "git repository" in notes.error
    assert found.name == "acme"


def test_missing_folder_is_reported_as_one_failure(root):
    (failed,) = repositories_of(root)
    assert (failed.subject, failed.stage) == (str(root), FailureStage.SURVEY)
    assert "No such file" in failed.error


def test_folder_without_repositories_is_reported_as_one_failure(root):
    DiskRepository.create(root / "too" / "deep", {"a": "1"}, bare=False)
    (failed,) = repositories_of(root)
    assert "no git repository" in failed.error


@pytest.mark.parametrize("is_bare", [True, False])
def test_folder_that_is_itself_a_repository_is_reported_with_hint(root, is_bare):
    DiskRepository.create(root / "acme", {"a": "1"}, bare=is_bare)
    (failed,) = repositories_of(root / "acme")
    assert re.search(f"`url` .*{root}.*`repositories` to \\[acme\\]", failed.error)
    assert [each.base_branch for each in repositories_of(root, "acme")] == ["main"]


@pytest.mark.parametrize("name", ["loop", "x" * 300])
def test_repository_name_that_file_system_refuses_is_reported_as_failure(root, name):
    root.mkdir()
    (root / "loop.git").symlink_to(root / "loop.git")
    (failed,) = repositories_of(root, name)
    assert "correct the name" in failed.error


def test_missing_git_program_is_reported_as_failure(root, monkeypatch):
    DiskRepository.create(root / "acme.git", {"a": "1"})
    monkeypatch.setenv("PATH", str(root))
    (failed,) = repositories_of(root)
    assert "git" in failed.error


def test_repository_without_commits_or_with_detached_head_has_no_base_branch(root):
    DiskRepository.create(root / "empty.git")
    detached = DiskRepository.create(root / "detached", {"a": "1"}, bare=False)
    detached.run("checkout", "--quiet", "--detach")
    found = repositories_of(root)
    assert found == [GitRepository("local", name, None, None, is_public=False) for name in ("detached", "empty")]
    for repository in found:
        with pytest.raises(TreeError, match="HEAD"):
            LocalFleet(root).open_tree(repository)
        with pytest.raises(ForgeError, match="HEAD"):
            LocalFleet(root).get_forge(repository).list_requests("basebump/", frozenset())


@pytest.mark.parametrize("is_packed", [True, False])
def test_base_branch_with_lost_commit_object_is_reported_as_failure(root, is_packed):
    git = DiskRepository.create(root / "acme.git", {"a": "1"})
    if is_packed:
        git.run("pack-refs", "--all")
    commit = git.head("main")
    (git.directory / "objects" / commit[:2] / commit[2:]).unlink()
    (failed,) = repositories_of(root)
    assert "`git fsck`" in failed.error


def test_repository_has_no_base_branch_if_head_is_a_remote_branch(root):
    git = DiskRepository.create(root / "acme.git", {"a": "1"})
    git.run("update-ref", "refs/remotes/origin/main", "main")
    git.run("symbolic-ref", "HEAD", "refs/remotes/origin/main")
    assert repositories_of(root) == [GitRepository("local", "acme", None, None, is_public=False)]


def test_base_branch_is_branch_that_head_points_to(root):
    git = DiskRepository.create(root / "acme.git", {"a": "1"})
    git.commit("release/1.0", {"a": "2"})
    git.run("symbolic-ref", "HEAD", "refs/heads/release/1.0")
    assert repositories_of(root) == [
        GitRepository("local", "acme", "release/1.0", git.head("release/1.0"), is_public=False)
    ]


def test_branch_of_basebump_is_refused_as_base_branch(root, git):
    propose(git)
    git.run("symbolic-ref", "HEAD", HEAD_REF)
    (failed,) = repositories_of(root)
    assert "switch to" in failed.error


def test_repository_owned_by_other_user_is_refused_with_hint(root, git, run_before_git):
    run_before_git("export GIT_TEST_ASSUME_DIFFERENT_OWNER=1")
    (failed,) = repositories_of(root)
    assert f"`git config --global --add safe.directory {git.directory}`" in failed.error
    subprocess.run(["git", "config", "--global", "--add", "safe.directory", str(git.directory)], check=True)
    (repository,) = repositories_of(root)
    assert repository.base_branch == "main"


def test_command_in_hint_about_repository_owner_works_for_path_with_space(root, run_before_git):
    git = DiskRepository.create(root / "our acme", {"a": "1"})
    run_before_git("export GIT_TEST_ASSUME_DIFFERENT_OWNER=1")
    (failed,) = repositories_of(root)
    subprocess.run(failed.error.split("`")[1], shell=True, check=True)
    assert repositories_of(root) == [GitRepository("local", "our acme", "main", git.head("main"), is_public=False)]


# Trees


def test_files_are_read_and_written_without_conversion_by_git_attributes(root):
    crlf = {".gitattributes": "* text eol=crlf\n*.txt filter=shout\n", "Dockerfile": OLD, "a.txt": "quiet\n"}
    git = DiskRepository.create(root / "acme.git", crlf)
    git.run("config", "filter.shout.smudge", "tr a-z A-Z")
    git.run("config", "core.autocrlf", "true")
    fleet = LocalFleet(root)
    (repository,) = fleet.list_repositories(frozenset())
    tree = fleet.open_tree(repository)
    entries = list(tree.list_entries())
    assert dict(zip([entry.path for entry in entries], tree.read(entries), strict=True)) == {
        path: content if isinstance(content, bytes) else content.encode() for path, content in crlf.items()
    }
    fleet.get_forge(repository).push(BRANCH, [FileChange(FilePath("Dockerfile"), b"FROM x\r\nRUN\n")], MESSAGE, None)
    assert git.files(BRANCH)["Dockerfile"].content == b"FROM x\r\nRUN\n"


def test_file_with_path_that_is_not_utf8_is_read_and_written(root, git):
    blob = git.run("hash-object", "-w", "--stdin", stdin=OLD).strip()
    listing = b"100644 blob " + blob + b"\tgr\xf6\xdfe\0"
    tree = git.run("mktree", "-z", stdin=listing).decode().strip()
    commit = git.run("commit-tree", tree, stdin=b"odd").decode().strip()
    git.run("update-ref", "refs/heads/main", commit)
    fleet = LocalFleet(root)
    (repository,) = fleet.list_repositories(frozenset())
    (entry,) = fleet.open_tree(repository).list_entries()
    assert entry.path == os.fsdecode(b"gr\xf6\xdfe")
    fleet.get_forge(repository).push(BRANCH, [FileChange(entry.path, NEW)], MESSAGE, None)
    assert git.files(BRANCH)[entry.path].content == NEW


def test_tree_of_missing_commit_or_repository_raises_tree_error(root, git):
    gone = GitRepository("local", "acme", "main", "5" * 40, is_public=False)
    with pytest.raises(TreeError):
        list(LocalFleet(root).open_tree(gone).list_entries())
    with pytest.raises(TreeError, match="missing"):
        LocalFleet(root).open_tree(GitRepository("local", "missing", "main", "5" * 40, is_public=False))
    (refused,) = LocalFleet(root).open_tree(gone).read([TreeEntry(FilePath("Dockerfile"), None)])
    assert isinstance(refused, TreeError)
    assert "not an entry" in str(refused)


# What the surroundings may not change


def test_git_hooks_do_not_run(git, tmp_path):
    hooks, ran = tmp_path / "hooks", tmp_path / "ran"
    hooks.mkdir()
    for hook in ("reference-transaction", "post-index-change"):
        (hooks / hook).write_text(f'#!/bin/sh\necho {hook} >> "{ran}"\n')
        (hooks / hook).chmod(0o755)
    git.run("config", "core.hooksPath", str(hooks))
    git.run("update-ref", "refs/heads/x", git.head("main"))
    assert ran.read_text()
    ran.unlink()
    propose(git)
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
def test_git_config_of_user_has_no_effect_on_proposals(git, key, value):
    common = git.directory / git.run("rev-parse", "--git-common-dir").decode().strip()
    before = {entry.name for entry in common.iterdir()}
    subprocess.run(["git", "config", "--global", key, value], check=True)
    head = propose(git)
    subprocess.run(["git", "config", "--global", "--unset", key], check=True)
    assert b"encoding" not in git.run("cat-file", "commit", head)
    assert {entry.name for entry in common.iterdir()} - {"logs", "packed-refs"} == before - {"logs", "packed-refs"}
    assert [each.intent for each in look(git)] == [INTENT]


def test_git_replace_refs_are_ignored(git):
    head = propose(git)
    git.run("replace", head, git.make_commit([git.head("main")], {"a": "1"}, "A person's work"))
    assert [each.intent for each in look(git)] == [INTENT]


def test_partial_clone_is_refused_without_fetching_objects(root, tmp_path):
    whole = DiskRepository.create(tmp_path / "whole.git", {"Dockerfile": OLD})
    whole.run("config", "uploadpack.allowFilter", "true")
    whole.run("clone", "--quiet", "--bare", "--filter=blob:none", f"file://{whole.directory}", str(root / "acme.git"))
    fleet = LocalFleet(root)
    (repository,) = fleet.list_repositories(frozenset())
    with pytest.raises(TreeError, match="partial clone"):
        list(fleet.open_tree(repository).list_entries())
    DiskRepository(root / "acme.git").run("fetch", "--quiet", "--refetch", "--no-filter")
    assert [entry.path for entry in fleet.open_tree(repository).list_entries()] == ["Dockerfile"]


def test_git_environment_variables_are_not_inherited(git, tmp_path, monkeypatch):
    elsewhere = DiskRepository.create(tmp_path / "elsewhere.git", {"a": "1"})
    monkeypatch.setenv("GIT_DIR", str(elsewhere.directory))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody")
    propose(git)
    assert [each.intent for each in look(git)] == [INTENT]
    assert list(elsewhere.branches()) == ["main"]


def test_proposal_does_not_change_working_tree(root):
    git = DiskRepository.create(root / "acme", {"Dockerfile": OLD, "a": "1"}, bare=False)
    (git.directory / "a").write_text("2")
    git.run("add", "a")
    (git.directory / "Dockerfile").write_text("FROM scratch\n")
    before = git.run("status", "--porcelain")
    assert before
    propose(git)
    assert git.run("status", "--porcelain") == before
