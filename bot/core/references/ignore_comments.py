"""Comments with which users exclude an image reference from updates: `# basebump: ignore [until=DATE] [reason]`.

Depending on the file, the comment starts with `#`, `//` or `<!--`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from bot.model.source import IgnoreComment

MAX_COMMENT_LINES = 100
"""Number of comment lines above a reference that are searched. Longer comment blocks do not occur in practice."""
MAX_REASON_LENGTH = 200
"""Number of characters of a reason that are kept."""

_COMMENT = re.compile(rb"\s*(?:#|//|<!--)")
_IGNORE = re.compile(rb"(?:(?:^|(?<=\s))(?:#|//)+|<!--)[ \t]*basebump:[ \t]*ignore(?!\S)(.*)")
_XML_COMMENT_END = b"-->"
_KEY = re.compile(rb" *(?:- +)?[\w.\"'/-]+:[ \t]*(?:&\S+[ \t]*)?(?:#.*)?\r?")
_UNTIL = re.compile(r"until=(\d{4}-\d{2}-\d{2})(?!\S)\s*(.*)", re.ASCII)


class IgnoreCommentFinder:
    """Finds the ignore comments in one file. Each line is searched once, however many references depend on it."""

    def __init__(self, content: bytes, *, at_line_end: bool) -> None:
        """Create a finder for the content of a file. `at_line_end` is True if comments can end a line."""
        self._lines = content.split(b"\n")
        self._at_line_end = at_line_end
        self._comments: dict[int, IgnoreComment | None] = {}

    def find_comment(self, line_numbers: Iterable[int]) -> IgnoreComment | None:
        """Return the ignore comment for an image reference, or None if there is no such comment.

        `line_numbers` are the lines of the reference, counted from 1. A comment is found:

        - in the comment lines directly above one of these lines
        - at the end of one of these lines, if `at_line_end` is True
        - in the comment lines above the key that contains the reference, if `at_line_end` is True and the reference is
          on the line directly below this key. For example, the comment can be above `web:` if the next line is `image:
          nginx:1.25`.
        """
        return next((comment for number in line_numbers if (comment := self._find_for_line(number)) is not None), None)

    def _find_for_line(self, line_number: int) -> IgnoreComment | None:
        if line_number not in self._comments:
            self._comments[line_number] = self._search_lines(line_number)
        return self._comments[line_number]

    def _search_lines(self, line_number: int) -> IgnoreComment | None:
        for number in _list_comment_lines(self._lines, line_number, at_line_end=self._at_line_end):
            match = _IGNORE.search(self._lines[number - 1])
            if match is not None:
                text = match[1].partition(_XML_COMMENT_END)[0] if match[0].startswith(b"<!--") else match[1]
                return _parse_comment(number, text.decode(errors="replace").strip())
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
    """Return True if the line `above` contains only a key, and `line` is indented below it."""
    return _KEY.fullmatch(above) is not None and _get_indentation(line) > _get_indentation(above)


def _get_indentation(line: bytes) -> int:
    return len(line) - len(line.lstrip(b" "))


def _parse_comment(line_number: int, text: str) -> IgnoreComment:
    """Parse the text after `ignore` in a comment: `until=DATE` and a reason, which are both optional.

    If the date is invalid, it is treated as a part of the reason, and the comment never expires.
    """
    match = _UNTIL.match(text)
    if match is not None:
        try:
            return IgnoreComment(line_number, date.fromisoformat(match[1]), match[2][:MAX_REASON_LENGTH])
        except ValueError:
            pass
    return IgnoreComment(line_number, None, text[:MAX_REASON_LENGTH])
