"""Convert byte offsets of a file to line numbers."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from itertools import accumulate, count
from operator import add

MAX_COUNTS = 3
"""The number of conversions for which the lines are counted. Building a table of all lines takes as long as four
counts."""


class LineOffsets:
    """The byte offsets at which the lines of a file start."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._conversions = 0

    def get_line_number(self, offset: int) -> int:
        """Return the number of the line that contains the byte at `offset`. Lines are numbered from 1."""
        self._conversions += 1
        if self._conversions <= MAX_COUNTS:
            return self._content.count(b"\n", 0, offset) + 1
        return bisect_right(self._starts, offset)

    def get_line_start(self, line_number: int) -> int:
        """Return the byte offset at which the line `line_number` starts."""
        return self._starts[line_number - 1]

    @cached_property
    def _starts(self) -> list[int]:
        # Each line is followed by one more line break than the line before it. `accumulate` computes this fast, without
        # a loop.
        return [0, *map(add, accumulate(map(len, self._content.split(b"\n"))), count(1))]
