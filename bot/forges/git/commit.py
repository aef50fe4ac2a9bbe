"""Creating a commit with git's plumbing commands, without a worktree and with a temporary index."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.forges._git_objects import RegularFile
from bot.forges.git.command import GitRunner, decode_output, encode_text
from bot.local_git import parse_tree_listing
from bot.model.errors import ForgeError
from bot.model.forge import REGULAR_MODES
from bot.model.source import FileChange, FilePath


def list_regular_files(git: GitRunner, commit: str, *, with_sizes: bool = True) -> Mapping[FilePath, RegularFile]:
    """Return the regular files of a commit by path, without symbolic links and submodules.

    If `with_sizes` is False, the sizes of the files in the result are None. `with_sizes` must be False in a partial
    clone that lacks the contents of the files, because git reads a file to determine its size. Raises ProcessError if
    git fails.
    """
    files: dict[FilePath, RegularFile] = {}
    options = ("-l",) if with_sizes else ()
    for entry in parse_tree_listing(git.read_output("ls-tree", "-r", "-z", *options, "--full-tree", commit)):
        if entry.mode in REGULAR_MODES:
            files[FilePath(decode_output(entry.path))] = RegularFile(entry.mode, entry.oid, entry.size)
    return files


def create_commit(
    git: GitRunner, parent: str, changes: Sequence[FileChange], message: str, *, is_partial: bool = False
) -> str:
    """Create a commit with the parent `parent` and these changed files, and return its id.

    The files keep their modes. No branch is moved to the commit. `is_partial` is True if the repository lacks the
    contents of the unchanged files.

    Raises:
        ProcessError: If git fails.
        ForgeError: If a path is not a regular file of `parent`, or if no file would change.
    """
    files = list_regular_files(git, parent, with_sizes=not is_partial)
    entries = []
    for change in changes:
        file = files.get(change.path)
        if file is None:
            raise ForgeError(
                f"'{change.path}' cannot be changed, because it is not a regular file in the commit {parent}"
            )
        entries.append(f"{file.mode} {git.write_blob(change.content)}\t{change.path}\0")
    with tempfile.TemporaryDirectory(prefix="basebump-") as scratch:
        index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        git.read_output("read-tree", parent, environment=index)
        git.read_output("update-index", "-z", "--index-info", stdin=encode_text("".join(entries)), environment=index)
        options = ("--missing-ok",) if is_partial else ()
        tree = git.read_line("write-tree", *options, environment=index)
    if tree == git.read_line("rev-parse", "--verify", f"{parent}^{{tree}}"):
        raise ForgeError(f"the commit would not change any file of {parent}; hint: rerun basebump on the newest commit")
    return git.read_line("commit-tree", tree, "-p", parent, "-F", "-", stdin=encode_text(message))
