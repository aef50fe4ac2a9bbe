"""Split a YAML file into sections at its document markers, and map characters to bytes and lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate

from bot.formats._syntax.encoding import find_text_start
from bot.formats._syntax.line_offsets import LineOffsets

_CONTENT = re.compile(rb"^[^\S\n]*[^\s#]", re.MULTILINE)
_CHECKPOINT = 4096
"""Distance in characters between the positions whose byte offsets are stored."""


class SectionSource:
    """One section of a file. It maps characters of its text to bytes and lines of the file."""

    def __init__(self, raw: bytes, start: int, lines_before: int) -> None:
        self._lines_before = lines_before
        self.start = start
        """The byte offset of the section in the file."""
        self.raw = raw
        self.text = ""
        """The text of `raw`, after `decode`."""

    def decode(self) -> str:
        """Decode `raw`, store the result in `text`, and return it. Raises UnicodeDecodeError."""
        self.text = self.raw.decode()
        return self.text

    def get_offset(self, position: int) -> int:
        """Return the byte offset in the file of the character at `position` of the text."""
        if self.text.isascii():
            return self.start + position
        whole = min(position, len(self.text)) // _CHECKPOINT
        return self.start + self._checkpoints[whole] + len(self.text[whole * _CHECKPOINT : position].encode())

    def get_line_number(self, offset: int) -> int:
        """Return the number of the line that contains the byte at `offset` of the file, from 1."""
        return self._lines_before + self._line_offsets.get_line_number(offset - self.start)

    @property
    def first_line_number(self) -> int:
        """The line of the file on which the section starts."""
        return self._lines_before + 1

    def get_line(self, line_number: int) -> bytes:
        """Return the line `line_number` of the file without its line break. The line must be in this section."""
        start = self._line_offsets.get_line_start(line_number - self._lines_before)
        end = self.raw.find(b"\n", start)
        return self.raw[start : end if end >= 0 else None]

    @cached_property
    def _checkpoints(self) -> list[int]:
        pieces = (self.text[at : at + _CHECKPOINT] for at in range(0, len(self.text), _CHECKPOINT))
        return [0, *accumulate(len(piece.encode()) for piece in pieces)]

    @cached_property
    def _line_offsets(self) -> LineOffsets:
        return LineOffsets(self.raw)


def split_sections(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each section. `---` in the first column separates sections in any context.

    A marker and the directives above it belong to the section that follows.
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
    """Return True if a section contains no document: it has no marker, and only blank lines and comments."""
    return _CONTENT.search(raw) is None
