"""Convert byte offsets of a file to line numbers."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate, count
from operator import add


class LineOffsets:
    """The byte offsets at which the lines of a file start."""

    def __init__(self, content: bytes) -> None:
        # Each line is followed by one more line break than the line before it. Without a loop in Python, this is fast.
        self._starts: list[int] = [0, *map(add, accumulate(map(len, content.split(b"\n"))), count(1))]

    def get_line_number(self, offset: int) -> int:
        """Return the number of the line that contains the byte at `offset`. Lines are numbered from 1."""
        return bisect_right(self._starts, offset)

    def get_line_start(self, line_number: int) -> int:
        """Return the byte offset at which the line `line_number` starts."""
        return self._starts[line_number - 1]
