"""Files that a format cannot parse: where and why parsing failed, and the entry for the report."""

from __future__ import annotations

from typing import NamedTuple

from bot.formats._syntax.reference_positions import format_for_display
from bot.model.source import FilePath, UnsupportedText
from bot.model.vocabulary import Reason


class BrokenAtError(Exception):
    """Parsing failed at the byte `offset`: the file is not valid, or it exceeds a limit of the parser."""

    def __init__(self, offset: int, reason: Reason = Reason.UNPARSABLE) -> None:
        self.offset = offset
        self.reason = reason
        super().__init__(offset)


class BrokenFile(NamedTuple):
    """A file that could not be parsed: the line on which parsing failed, and the reason."""

    reason: Reason
    line_number: int
    line: str
    """The text of the line `line_number`. Bytes that are not UTF-8 are replaced."""

    @classmethod
    def create_from_error(cls, content: bytes, error: BrokenAtError | UnicodeDecodeError) -> BrokenFile:
        """Return a `BrokenFile` with the reason of `error`, and with the line of `content` on which parsing failed."""
        if isinstance(error, BrokenAtError):
            offset, reason = error.offset, error.reason
        else:
            offset, reason = error.start, Reason.UNPARSABLE
        line_start = content.rfind(b"\n", 0, offset) + 1
        line_end = content.find(b"\n", line_start)
        line = content[line_start : line_end if line_end >= 0 else None].decode(errors="replace").strip()
        return cls(reason, content.count(b"\n", 0, offset) + 1, line)

    def make_unsupported(self, path: FilePath) -> UnsupportedText:
        """Return the entry in the report for this file. `path` is the path of the file."""
        return UnsupportedText(path, self.line_number, format_for_display(self.line), self.reason)
