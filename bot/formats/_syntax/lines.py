"""Which line a byte of a file is on."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate


class Lines:
    """Where the lines of a file begin."""

    def __init__(self, content: bytes) -> None:
        self._starts = [0, *accumulate(len(line) + 1 for line in content.split(b"\n"))]

    def number(self, offset: int) -> int:
        """Return the line that the byte `offset` is on, from 1."""
        return bisect_right(self._starts, offset)

    def start(self, number: int) -> int:
        """Return the byte that the line `number` begins at."""
        return self._starts[number - 1]
