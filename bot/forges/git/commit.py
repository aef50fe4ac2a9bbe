"""One commit by plumbing: on a commit that exists, with no worktree and no index but a temporary one."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.forges._git_objects import EXECUTABLE, REGULAR, RegularFile
from bot.forges.git.command import Git, decode, encode
from bot.model.errors import ForgeError
from bot.model.source import Change, FilePath

REGULAR_MODES = frozenset({REGULAR, EXECUTABLE, "100664"})
"""The last is what early versions of git wrote for files that a group may write to."""


def regular_files(git: Git, commit: str, *, sized: bool = True) -> Mapping[FilePath, RegularFile]:
    """Return the regular files of a commit's tree, no links and no submodules. Raises ProcessError.

    Where they are not here themselves, git can tell no sizes.
    """
    files: dict[FilePath, RegularFile] = {}
    options = ("-l",) if sized else ()
    for entry in git.read("ls-tree", "-r", "-z", *options, "--full-tree", commit).split(b"\0")[:-1]:
        attributes, _, path = entry.partition(b"\t")
        mode, _, oid, *size = attributes.decode("ascii").split()
        if mode in REGULAR_MODES:
            files[FilePath(decode(path))] = RegularFile(mode, oid, int(size[0]) if size else None)
    return files


def make_commit(git: Git, parent: str, changes: Sequence[Change], message: str) -> str:
    """Return a new commit on `parent` in which exactly the files of `changes` are different; their modes stay.

    Nothing points to it yet. Raises ProcessError; ForgeError where a path is no regular file, or nothing changes.
    """
    files = regular_files(git, parent)
    entries = []
    for change in changes:
        file = files.get(change.path)
        if file is None:
            raise ForgeError(f"{change.path} is no regular file of {parent}; basebump changes only those")
        entries.append(f"{file.mode} {git.write_blob(change.content)}\t{change.path}\0")
    with tempfile.TemporaryDirectory(prefix="basebump-") as scratch:
        index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        git.read("read-tree", parent, environment=index)
        git.read("update-index", "-z", "--index-info", stdin=encode("".join(entries)), environment=index)
        tree = git.line("write-tree", environment=index)
    if tree == git.line("rev-parse", "--verify", f"{parent}^{{tree}}"):
        raise ForgeError(f"the commit would change nothing of {parent}; run basebump again on the newest commit")
    return git.line("commit-tree", tree, "-p", parent, "-F", "-", stdin=encode(message))
