"""Where a file is in a tree."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from bot.model.source import FilePath


def path_and_folders(path: FilePath) -> Iterator[FilePath]:
    """Yield all folders that a file is in, and its path; the top of the tree has no name."""
    yield FilePath("")
    yield from map(FilePath, accumulate(path.split("/"), "{}/{}".format))
