"""Parser of `git diff --unified=0`, which finds the lines that a patch adds to or changes in each file.

https://git-scm.com/docs/diff-format#generate_patch_text_with_p
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

ALL_LINES = range(1, 1 << 31)
"""All lines of a file, for a new file whose number of lines is not known."""

_HUNK = re.compile(rb"@@ -[0-9]+(?:,([0-9]+))? \+([0-9]+)(?:,([0-9]+))? @@", re.ASCII)
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_LETTERS = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}
_NO_FILE = b"/dev/null"


def parse_changed_lines(patch: bytes) -> Mapping[bytes, tuple[range, ...]]:
    """Return the added and changed lines of each file, as ranges of line numbers in the new file (counted from 1).

    A file that was deleted, or from which lines were only removed, has no ranges. The patch must use the path prefixes
    `a/` and `b/`, and must not contain context lines.
    """
    changed: dict[bytes, tuple[range, ...]] = {}
    old = path = b""
    lines = iter(patch.split(b"\n"))
    for line in lines:
        if line.startswith(b"--- "):
            old = _parse_path(line)
        elif line.startswith(b"+++ "):
            new = _parse_path(line)
            path = old if new == _NO_FILE else new
            changed.setdefault(path, ())
        elif hunk := _HUNK.match(line):
            removed, start, added = (int(each) if each is not None else 1 for each in hunk.groups())
            if added:
                changed[path] = (*changed.get(path, ()), range(start, start + added))
            _skip_hunk(lines, removed + added)
    return changed


def _skip_hunk(lines: Iterator[bytes], count: int) -> None:
    r"""Advance `lines` past a hunk, so that a removed or added line such as `--- x` is not mistaken for a header.

    `count` is the number of removed and added lines in the hunk. Remarks of git between them (`\ No newline at end of
    file`) are not included in this number, and are skipped, too.
    """
    while count and (line := next(lines, None)) is not None:
        count -= not line.startswith(b"\\")


def _parse_path(line: bytes) -> bytes:
    """Return the path in a header line, such as `web/Dockerfile` for `+++ b/web/Dockerfile`.

    If the path contains special characters, git writes it in quotes, with escapes. If it contains spaces, git appends a
    tab.
    """
    quoted = line[4:].removesuffix(b"\t")
    path = _ESCAPE.sub(_unescape, quoted[1:-1]) if quoted.startswith(b'"') else quoted
    return path if path == _NO_FILE else path[2:]


def _unescape(match: re.Match[bytes]) -> bytes:
    escape = match[1]
    if escape.isdigit():
        return bytes([int(escape, 8) & 0xFF])
    return _LETTERS.get(escape, escape)
