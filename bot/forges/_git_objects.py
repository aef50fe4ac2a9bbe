"""Facts about git objects that do not depend on where the objects are stored: regular files, limits for merges."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bot.model.forge import TreeEntry

BRANCHES = "refs/heads/"
"""The beginning of the full name of every branch."""
REGULAR, EXECUTABLE = "100644", "100755"
"""File modes of regular files."""

MAX_MERGES = 20
"""The largest number of merges of the base branch that are followed back to basebump's commit. A branch with more such
merges is rebased."""
PARENTS_OF_MERGE = 2


@dataclass(frozen=True, slots=True)
class RegularFile:
    """A regular file in a commit.

    Two instances are equal if their modes and their object ids are equal. The size is not compared.
    """

    mode: str
    oid: str
    size: int | None = field(default=None, compare=False)
    """Size in bytes; None if the source did not report it."""


def split_into_batches(
    entries: Sequence[TreeEntry], max_bytes: int, max_files: int | None = None
) -> Iterator[list[TreeEntry]]:
    """Yield the entries in batches of at most `max_bytes` bytes and `max_files` files.

    An entry that is larger than `max_bytes` forms a batch by itself. An entry of unknown size counts as zero bytes. If
    `max_files` is None, the number of files in a batch is not limited.
    """
    return split_by_cost(entries, lambda entry: entry.size or 0, max_bytes, max_files)


def split_by_cost(
    entries: Sequence[TreeEntry], get_cost: Callable[[TreeEntry], int], max_cost: int, max_files: int | None = None
) -> Iterator[list[TreeEntry]]:
    """Yield the entries in batches whose total costs are at most `max_cost`, like `split_into_batches`."""
    batch: list[TreeEntry] = []
    cost = 0
    for entry in entries:
        cost += get_cost(entry)
        if batch and (cost > max_cost or len(batch) == max_files):
            yield batch
            batch, cost = [], get_cost(entry)
        batch.append(entry)
    if batch:
        yield batch
