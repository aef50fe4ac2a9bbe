"""Convert byte offsets of a file to line numbers."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate


class LineOffsets:
    """The byte offsets at which the lines of a file start."""

    def __init__(self, content: bytes) -> None:
        self._starts = [0, *accumulate(len(line) + 1 for line in content.split(b"\n"))]

    def get_line_number(self, offset: int) -> int:
        """Return the number of the line that contains the byte at `offset`. Lines are numbered from 1."""
        return bisect_right(self._starts, offset)

    def get_line_start(self, line_number: int) -> int:
        """Return the byte offset at which the line `line_number` starts."""
        return self._starts[line_number - 1]
