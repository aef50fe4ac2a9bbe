"""Split a YAML file into sections at its `---` lines, and convert positions in a section to positions in the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

from bot.formats._syntax.encoding import find_text_start
from bot.formats._syntax.line_offsets import LineOffsets
from bot.model.vocabulary import Reason

_CONTENT = re.compile(rb"^[^\S\n]*[^\s#]", re.MULTILINE)
_CHECKPOINT = 4096
"""Distance in characters between the positions whose byte offsets are stored."""


class LineCounter:
    """Counts the lines of a file up to an offset. Counting continues from the previous offset if that is not higher."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._offset = self._count = 0

    def count_line_breaks(self, offset: int) -> int:
        """Return the number of line breaks before the byte at `offset`."""
        if offset < self._offset:
            self._offset = self._count = 0
        self._count += self._content.count(b"\n", self._offset, offset)
        self._offset = offset
        return self._count


class SectionSource:
    """The source of one section of a YAML file. It converts positions in the section to positions in the file."""

    def __init__(self, raw: bytes, start: int, line_counter: LineCounter) -> None:
        self._line_counter = line_counter
        self.start = start
        """The byte offset of the section in the file."""
        self.raw = raw
        self.text = ""
        """The text of `raw`, after `decode`."""

    def decode(self) -> str:
        """Decode `raw` as UTF-8, store the result in `text`, and return it.

        Raises UnicodeDecodeError if `raw` is not valid UTF-8.
        """
        self.text = self.raw.decode()
        return self.text

    def get_offset(self, position: int) -> int:
        """Return the byte offset in the file of the character at index `position` of `text`."""
        if self.text.isascii():
            return self.start + position
        whole = min(position, len(self.text)) // _CHECKPOINT
        return self.start + self._checkpoints[whole] + len(self.text[whole * _CHECKPOINT : position].encode())

    def get_line_number(self, offset: int) -> int:
        """Return the number of the line that contains the byte at `offset` of the file. Lines are numbered from 1."""
        return self._lines_before + self._line_offsets.get_line_number(offset - self.start)

    @property
    def first_line_number(self) -> int:
        """The number of the section's first line. Lines are numbered from 1 in the file."""
        return self._lines_before + 1

    def get_line(self, line_number: int) -> bytes:
        """Return a line of this section without its line break. `line_number` is the number of the line in the file."""
        start = self._line_offsets.get_line_start(line_number - self._lines_before)
        end = self.raw.find(b"\n", start)
        return self.raw[start : end if end >= 0 else None]

    @cached_property
    def _lines_before(self) -> int:
        """The number of lines above the section. Most sections contain no image, and so do not need this number."""
        return self._line_counter.count_line_breaks(self.start)

    @cached_property
    def _checkpoints(self) -> list[int]:
        pieces = (self.text[at : at + _CHECKPOINT] for at in range(0, len(self.text), _CHECKPOINT))
        return [0, *accumulate(len(piece.encode()) for piece in pieces)]

    @cached_property
    def _line_offsets(self) -> LineOffsets:
        return LineOffsets(self.raw)


class BrokenSection(NamedTuple):
    """A section (the part of a file from one `---` to the next) that is not valid YAML, or that exceeds a limit."""

    reason: Reason
    line_number: int
    source: SectionSource

    @property
    def line(self) -> str:
        """The text of the line on which parsing failed. Bytes that are not UTF-8 are replaced."""
        return self.source.get_line(self.line_number).decode(errors="replace")


def split_sections(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each section as byte offsets.

    A section starts at a line with `---` in its first column, even if the line is inside a quoted text. Directives
    (`%…`) directly above this line belong to the section that it starts.
    """
    start = find_text_start(content)
    at = start
    while (line_break := content.find(b"\n---", at)) >= 0:
        marker = line_break + 1
        at = marker + 3
        if content[at : at + 1] not in (b"", b" ", b"\t", b"\r", b"\n"):
            continue
        while marker > start and content[(line := _find_line_before(content, start, marker)) : line + 1] == b"%":
            marker = line
        if marker > start:
            yield start, marker
        start = marker
    yield start, len(content)


def _find_line_before(content: bytes, start: int, line: int) -> int:
    return max(content.rfind(b"\n", start, line - 1) + 1, start)


def is_blank(raw: bytes) -> bool:
    """Return True if a section consists only of blank lines and comments, and so contains no document."""
    return _CONTENT.search(raw) is None
