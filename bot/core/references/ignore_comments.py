"""Comments by which users exclude an image reference: `# basebump: ignore [until=DATE] [reason]`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date

from bot.model.source import IgnoreComment

MAX_COMMENT_LINES = 100
"""Comment lines above a reference to search; longer comment blocks do not occur in practice."""
MAX_REASON_LENGTH = 200
"""Characters of a reason to keep."""

_COMMENT = re.compile(rb"\s*(?:#|//)")
_IGNORE = re.compile(rb"(?:^|(?<=\s))(?:#|//)+[ \t]*basebump:[ \t]*ignore(?!\S)(.*)")
_KEY = re.compile(rb" *(?:- +)?[\w.\"'/-]+:[ \t]*(?:&\S+[ \t]*)?(?:#.*)?\r?")
_UNTIL = re.compile(r"until=(\d{4}-\d{2}-\d{2})(?!\S)\s*(.*)", re.ASCII)


def split_commented_lines(content: bytes) -> Sequence[bytes] | None:
    """Return the lines of a file that may have such a comment; None for all other files."""
    return content.split(b"\n") if b"basebump:" in content else None


def find_comment(lines: Sequence[bytes], line_numbers: Sequence[int], *, at_line_end: bool) -> IgnoreComment | None:
    """Return the ignore comment in the comment block directly above one of the lines, counted from 1; else None.

    With `at_line_end` the comment may also follow the reference on its line. Then a comment above the parent key
    counts as well if the line is the first below that key, like `image:` below the name of a service.
    """
    for line_number in line_numbers:
        for number in _list_comment_lines(lines, line_number, at_line_end=at_line_end):
            match = _IGNORE.search(lines[number - 1])
            if match is not None:
                return _parse_comment(number, match[1].decode(errors="replace").strip())
    return None


def _list_comment_lines(lines: Sequence[bytes], line_number: int, *, at_line_end: bool) -> Iterator[int]:
    if line_number > len(lines):
        return
    if at_line_end:
        yield line_number
        if line_number > 1 and _is_first_below(lines[line_number - 2], lines[line_number - 1]):
            yield from _list_comment_lines(lines, line_number - 1, at_line_end=False)
    for number in range(line_number - 1, max(line_number - 1 - MAX_COMMENT_LINES, 0), -1):
        if not _COMMENT.match(lines[number - 1]):
            return
        yield number


def _is_first_below(above: bytes, line: bytes) -> bool:
    """Return True if a line is indented below the line above, which has nothing but a key."""
    return _KEY.fullmatch(above) is not None and _get_indentation(line) > _get_indentation(above)


def _get_indentation(line: bytes) -> int:
    return len(line) - len(line.lstrip(b" "))


def _parse_comment(line_number: int, text: str) -> IgnoreComment:
    """Parse the text after `ignore`; with an invalid date the comment never expires, and its reason shows the date."""
    match = _UNTIL.match(text)
    if match is not None:
        try:
            return IgnoreComment(line_number, date.fromisoformat(match[1]), match[2][:MAX_REASON_LENGTH])
        except ValueError:
            pass
    return IgnoreComment(line_number, None, text[:MAX_REASON_LENGTH])
