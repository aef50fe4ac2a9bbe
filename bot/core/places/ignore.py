"""A person's comment that a place be left alone: `# basebump: ignore [until=DATE] [reason]`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date

from bot.model.source import IgnoreComment

MAX_COMMENT_LINES = 100
"""Lines above a place that are looked at: no comment block in the wild is longer."""
MAX_REASON = 200
"""Characters of a reason that are kept."""

_COMMENT = re.compile(rb"\s*(?:#|//)")
_IGNORE = re.compile(rb"(?:^|(?<=\s))(?:#|//)+[ \t]*basebump:[ \t]*ignore(?!\S)(.*)")
_KEY = re.compile(rb" *(?:- +)?[\w.\"'/-]+:[ \t]*(?:&\S+[ \t]*)?(?:#.*)?\r?")
_UNTIL = re.compile(r"until=(\d{4}-\d{2}-\d{2})(?!\S)\s*(.*)", re.ASCII)


def lines_of(content: bytes) -> Sequence[bytes] | None:
    """Return the lines of a file in which somebody may have written such a comment; None for all others."""
    return content.split(b"\n") if b"basebump:" in content else None


def comment_at(lines: Sequence[bytes], places: Sequence[int], *, at_line_end: bool) -> IgnoreComment | None:
    """Return the comment in the block of comments directly above one of the lines `places`, counted from 1.

    With `at_line_end` it may also stand at the end of the line itself; and where that is the first below a key, as
    `image:` below the name of a service, above the key.
    """
    for place in places:
        for number in _comment_lines(lines, place, at_line_end=at_line_end):
            match = _IGNORE.search(lines[number - 1])
            if match is not None:
                return _comment(number, match[1].decode(errors="replace").strip())
    return None


def _comment_lines(lines: Sequence[bytes], place: int, *, at_line_end: bool) -> Iterator[int]:
    if place > len(lines):
        return
    if at_line_end:
        yield place
        if place > 1 and _is_first_below(lines[place - 2], lines[place - 1]):
            yield from _comment_lines(lines, place - 1, at_line_end=False)
    for number in range(place - 1, max(place - 1 - MAX_COMMENT_LINES, 0), -1):
        if not _COMMENT.match(lines[number - 1]):
            return
        yield number


def _is_first_below(above: bytes, line: bytes) -> bool:
    """Say whether a line is indented below the one above it, which is nothing but a key."""
    return _KEY.fullmatch(above) is not None and _indentation(line) > _indentation(above)


def _indentation(line: bytes) -> int:
    return len(line) - len(line.lstrip(b" "))


def _comment(line_number: int, text: str) -> IgnoreComment:
    """Read what follows the word; a date that is none holds for ever, and is shown as part of the reason."""
    match = _UNTIL.match(text)
    if match is not None:
        try:
            return IgnoreComment(line_number, date.fromisoformat(match[1]), match[2][:MAX_REASON])
        except ValueError:
            pass
    return IgnoreComment(line_number, None, text[:MAX_REASON])
