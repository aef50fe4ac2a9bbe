"""Fake servers answer some git commands without git; these answers are those of git, or there is none."""

from __future__ import annotations

import subprocess

import pytest
from support.git import EXECUTABLE, LINK, SUBMODULE, DiskRepository, TreeFile
from support.git_answers import answer_command, find_object

pytestmark = pytest.mark.real("git")
FILES = {
    "a.b": "2\n",
    "a/c.sh": TreeFile(b"#!/bin/sh\n", EXECUTABLE),
    "link": TreeFile(b"a.b", LINK),
    "vendor": TreeFile(b"5" * 40, SUBMODULE),
    "größe/Dockerfile": "FROM alpine\n",
}
OPTIONS = [("-z",), ("-z", "-r"), ("-z", "-r", "-t"), ("-z", "--full-tree", "-r", "-t", "-l"), ("-z", "--long")]


class RepositoryHistory:
    """`first` is followed by `second`, and by `side`; `merged` merges both, and `file` has a file for a folder."""

    def __init__(self, git: DiskRepository) -> None:
        self.git, self.first = git, git.need("main")
        self.second = git.commit("main", {"a/c.sh": "#!/bin/sh\n", "link": "text", "a.b": None, "new/x": "x\n"})
        git.point("refs/heads/side", self.first)
        self.side = git.commit("side", {"side": "1\n"})
        self.merged = git.merge("side", "main")
        self.file = git.commit("main", {"new": "a file\n"})
        self.empty = git.write_tree(None, {})
        self.blob = git.write_blob(b"x\n")

    def ask_git(self, *arguments: str) -> bytes | None:
        command = ["git", "-c", "core.quotePath=true", *arguments]
        done = subprocess.run(command, cwd=self.git.directory, capture_output=True, check=False)
        return done.stdout if done.returncode == 0 else None


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    return RepositoryHistory(DiskRepository.create(tmp_path_factory.mktemp("answers") / "a.git", FILES))


def compare(history: RepositoryHistory, *arguments: str) -> None:
    answer = answer_command(history.git.objects, arguments)
    assert answer is not None
    assert answer == history.ask_git(*arguments)


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_tree_listings_of_fake_server_equal_output_of_git(history, options):
    compare(history, "ls-tree", *options, history.second)


@pytest.mark.parametrize("folder", ["a/", "new/", "nothing/"])
def test_folder_listings_of_fake_server_equal_output_of_git(history, folder):
    compare(history, "ls-tree", "-z", "--full-tree", history.second, folder)


def test_diffs_of_fake_server_equal_output_of_git(history):
    raw = ("diff", "--raw", "--no-renames", "--abbrev=40", "-z")
    for ends in [(history.first, history.second), (f"{history.file}^1", history.file), (history.empty, history.merged)]:
        compare(history, *raw, *ends)


def test_changed_paths_of_fake_server_equal_output_of_git(history):
    names = ("diff-tree", "--root", "--no-commit-id", "--name-only", "-r")
    for commit in (history.second, history.file):
        compare(history, *names, commit)
    for commit in (history.first, history.merged):  # a path that git quotes, and a merge
        assert answer_command(history.git.objects, (*names, commit)) is None


def test_merge_bases_and_commit_ranges_of_fake_server_equal_output_of_git(history):
    first, second, side, merged = history.first, history.second, history.side, history.merged
    for pair in [(first, second), (side, second), (merged, side), (first, first)]:
        compare(history, "merge-base", *pair)
    for pair in [(first, second), (merged, side)]:
        compare(history, "merge-tree", "--write-tree", *pair)
    assert answer_command(history.git.objects, ("merge-tree", "--write-tree", side, second)) is None
    compare(history, "rev-list", "--count", f"{first}..{second}")
    compare(history, "rev-list", "--reverse", f"{first}..{second}")
    compare(history, "rev-list", "--topo-order", side, f"^{second}")
    assert answer_command(history.git.objects, ("rev-list", "--count", f"{first}..{merged}")) is None


def test_blobs_of_fake_server_equal_output_of_git(history):
    compare(history, "cat-file", "blob", history.blob)
    for other in (history.first, "0" * 40):
        assert answer_command(history.git.objects, ("cat-file", "blob", other)) is None


def test_fake_server_finds_the_same_object_names_as_git(history):
    names = [history.first, f"{history.first}:a/c.sh", f"{history.first}:a", f"{history.first}:b"]
    for oid in (history.first, history.empty, history.blob):
        names += [f"{oid}^{{{kind}}}" for kind in ("commit", "tree", "blob")]
    for name in names:
        assert find_object(history.git.objects, name) is (history.ask_git("cat-file", "-e", name) is not None), name
    assert find_object(history.git.objects, "0" * 40) is None


def test_git_does_not_find_a_ref_that_the_fake_server_deleted(history):
    history.git.point("refs/heads/gone", history.first)
    history.git.delete("gone")
    assert history.ask_git("rev-parse", "--verify", "--quiet", "refs/heads/gone") is None
