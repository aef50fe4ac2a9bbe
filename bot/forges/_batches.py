"""Entries in portions that one question takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.model.forge import Entry


def batches(entries: Sequence[Entry], most_bytes: int, most_files: int | None = None) -> Iterator[list[Entry]]:
    """Split entries so that none has more than these bytes, unless one entry alone has, nor more files.

    An entry whose size nobody told counts as empty.
    """
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        size += entry.size or 0
        if batch and (size > most_bytes or len(batch) == most_files):
            yield batch
            batch, size = [], entry.size or 0
        batch.append(entry)
    if batch:
        yield batch
