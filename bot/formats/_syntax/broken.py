"""Files that a format cannot read: where that showed, and what is said of it."""

from __future__ import annotations

from typing import NamedTuple

from bot.formats._syntax.places import shown
from bot.model.source import FilePath, Unsupported
from bot.model.vocabulary import Reason


class BrokenAtError(Exception):
    """The bytes at `offset` are not in the language of the file, or more of it than we follow."""

    def __init__(self, offset: int, reason: Reason = Reason.UNPARSABLE) -> None:
        self.offset = offset
        self.reason = reason
        super().__init__(offset)


class BrokenFile(NamedTuple):
    """A file that is not in its language, or more of it than we follow."""

    reason: Reason
    line_number: int
    line: str
    """The text of that line, as far as it is text."""

    @classmethod
    def at(cls, content: bytes, error: BrokenAtError | UnicodeDecodeError) -> BrokenFile:
        """Return what is said of `content` for an error in it."""
        if isinstance(error, BrokenAtError):
            offset, reason = error.offset, error.reason
        else:
            offset, reason = error.start, Reason.UNDECODABLE
        line_start = content.rfind(b"\n", 0, offset) + 1
        line_end = content.find(b"\n", line_start)
        line = content[line_start : line_end if line_end >= 0 else None].decode(errors="replace").strip()
        return cls(reason, content.count(b"\n", 0, offset) + 1, line)

    def unsupported(self, path: FilePath) -> Unsupported:
        """Return what is reported of it."""
        return Unsupported(path, self.line_number, shown(self.line), self.reason)
