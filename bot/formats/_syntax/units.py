"""Parse unit files as Podman parses them: sections with settings. A backslash at the end of a line joins the next line.

The rules follow pkg/systemd/parser/unitfile.go in https://github.com/containers/podman.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from bot.formats._syntax.encoding import find_text_start
from bot.model.vocabulary import Reason

MAX_LINES = 100_000
"""Limit on the lines of one file. Units have a few hundred lines."""

_COMMENTS = (b"#", b";")
_SECTION = re.compile(rb"\[([^\[\]]+)\][ \t]*")


class UnitSetting(NamedTuple):
    """A setting `key=value` in a section of a unit file."""

    section: str
    key: str
    line_number: int
    """Line number of the key, from 1."""
    value: str
    """The value without the double quotes around it."""
    value_start: int | None
    """The byte offset at which `value` is in the file literally, or None if it is split over joined lines."""
    value_line_number: int


class BrokenUnitError(Exception):
    """Podman rejects the unit because a line is neither a section, a setting nor a comment.

    The error is also raised for a unit with more than MAX_LINES lines.
    """

    def __init__(self, line_number: int, line: bytes, reason: Reason = Reason.UNPARSABLE) -> None:
        self.reason = reason
        self.line_number = line_number
        self.line = line.decode(errors="replace")
        super().__init__(line_number)


def read_settings(content: bytes) -> Iterator[UnitSetting]:
    """Yield the settings of a unit file in order.

    Raises BrokenUnitError if Podman would reject a line, or if the file has more than MAX_LINES lines.

    If a section contains a key several times, each of these settings is yielded. The last of them applies.
    """
    if content.count(b"\n") > MAX_LINES:
        raise BrokenUnitError(MAX_LINES + 1, b"", Reason.TOO_LARGE)
    section: str | None = None
    for line in _join_lines(content):
        text = line.text
        header = _SECTION.fullmatch(text)
        name, equals, after = text.partition(b"=")
        if header is not None:
            section = header[1].decode(errors="replace")
        elif equals and name.strip() and section is not None:
            start = len(text) - len(after.lstrip())
            end = start + len(after.strip())
            if end - start > 1 and text[start : start + 1] == text[end - 1 : end] == b'"':
                start, end = start + 1, end - 1
            offset, line_number = line.find_position(start, end)
            key, value = (part.decode(errors="replace") for part in (name.rstrip(), text[start:end]))
            yield UnitSetting(section, key, line.line_number, value, offset, line_number)
        else:
            raise BrokenUnitError(line.line_number, text)


@dataclass(slots=True)
class _JoinedLine:
    """A line of a unit file, or several lines that backslashes join into one."""

    line_number: int
    """Line number of the first joined line, from 1."""
    _texts: list[bytes] = field(default_factory=list)
    _pieces: list[tuple[int, int, int]] = field(default_factory=list)
    """For each of the joined lines: its offset in the text, its offset in the file, and its number."""
    _length: int = 0

    def add_line(self, text: bytes, offset: int, line_number: int) -> None:
        self._texts.append(text)
        self._pieces.append((self._length, offset, line_number))
        self._length += len(text)

    @property
    def text(self) -> bytes:
        return b"".join(self._texts)

    def find_position(self, start: int, end: int) -> tuple[int | None, int]:
        """Return the file offset of a part of the joined line, and the line number at which the part starts.

        `start` and `end` are the range of the part in the joined line. The offset is None if the part is split over
        several lines of the file.
        """
        first = max(piece for piece in self._pieces if piece[0] <= start)
        last = max(piece for piece in self._pieces if piece[0] < max(end, 1))
        return (first[1] + start - first[0] if first >= last else None), first[2]


def _join_lines(content: bytes) -> Iterator[_JoinedLine]:
    """Yield the lines of a unit file, with lines that end in a backslash joined to the next line.

    Blank lines and comments are left out, even between joined lines.
    """
    at = find_text_start(content)
    joined: _JoinedLine | None = None
    for line_number, line in enumerate(content[at:].split(b"\n"), 1):
        text = line.strip()
        if text and not text.startswith(_COMMENTS):
            is_continued = text.endswith(b"\\")
            joined = joined or _JoinedLine(line_number)
            joined.add_line(text.removesuffix(b"\\"), at + line.index(text), line_number)
            if not is_continued:
                yield joined
                joined = None
        at += len(line) + 1
    if joined is not None:
        yield joined
