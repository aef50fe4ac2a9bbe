"""The content of basebump's branches in a local repository."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bot.forges._git_objects import split_into_batches
from bot.forges.git.command import GitRunner, decode_output
from bot.forges.git.tree import MAX_BATCH_BYTES, LocalTree
from bot.model.branch_ownership import FileDifference, TreeObject
from bot.model.errors import OversizedFileError, TreeError
from bot.model.forge import TreeEntry
from bot.model.source import FilePath

_NO_MODE = "000000"
"""The mode that `git diff-tree` prints for a path that a commit does not have."""


@dataclass(frozen=True, slots=True)
class LocalBranchContents:
    """The content of one branch, compared with its own base; implements `bot.branch_ports.BranchContents`.

    Methods raise ProcessError if git fails.
    """

    git: GitRunner
    base_commit: str
    commit: str

    def list_differences(self) -> list[FileDifference]:
        """Return the paths at which the branch differs from its base.

        https://git-scm.com/docs/git-diff-tree#_raw_output_format
        """
        options = ("-r", "-z", "--raw", "--no-renames", "--no-ext-diff", "--full-index")
        fields = decode_output(self.git.read_output("diff-tree", *options, self.base_commit, self.commit)).split("\0")
        return [
            _parse_difference(attributes, path) for attributes, path in zip(fields[:-1:2], fields[1::2], strict=True)
        ]

    def read_old(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry of the base. If a file cannot be read, yield a TreeError instead."""
        return self._read(self.base_commit, entries)

    def read_new(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry of the branch. If a file cannot be read, yield a TreeError instead."""
        return self._read(self.commit, entries)

    def _read(self, commit: str, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        """Yield the content of each entry of a commit, or an error. Files larger than a whole batch are not read."""
        tree = LocalTree(self.git, commit)
        sizes = self.git.read_sizes(entry.oid or "" for entry in entries)
        sized = [replace(entry, size=size) for entry, size in zip(entries, sizes, strict=True)]
        for batch in split_into_batches(sized, MAX_BATCH_BYTES):
            if (batch[0].size or 0) > MAX_BATCH_BYTES:
                yield OversizedFileError(f"'{batch[0].path}' has more than {MAX_BATCH_BYTES} bytes")
            else:
                yield from tree.read(batch)


def _parse_difference(attributes: str, path: str) -> FileDifference:
    old_mode, new_mode, old_oid, new_oid, _ = attributes.removeprefix(":").split(" ")
    return FileDifference(FilePath(path), _build_object(old_mode, old_oid), _build_object(new_mode, new_oid))


def _build_object(mode: str, oid: str) -> TreeObject | None:
    return TreeObject(mode, oid) if mode != _NO_MODE else None
