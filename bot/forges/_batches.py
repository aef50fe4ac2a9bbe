"""Split the entries of a tree into batches that one request can read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.model.forge import TreeEntry


def split_into_batches(
    entries: Sequence[TreeEntry], max_bytes: int, max_files: int | None = None
) -> Iterator[list[TreeEntry]]:
    """Split entries into batches of at most `max_bytes` bytes and `max_files` files.

    A single entry larger than `max_bytes` is a batch of its own. An entry of unknown size counts as zero bytes.
    """
    batch: list[TreeEntry] = []
    size = 0
    for entry in entries:
        size += entry.size or 0
        if batch and (size > max_bytes or len(batch) == max_files):
            yield batch
            batch, size = [], entry.size or 0
        batch.append(entry)
    if batch:
        yield batch
