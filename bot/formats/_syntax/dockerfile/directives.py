"""The image that reads a Dockerfile: `# syntax=`, where BuildKit honours it.

DetectSyntax in frontend/dockerfile/parser/directives.go of moby/buildkit: the directives at the very top, after a BOM
and a line `#!`, begin with `#`; where none is there, with `//`; where none is there either, the file may be a JSON
object with such a key.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from bot.formats._syntax.dockerfile.lines import DIRECTIVE, DIRECTIVES, SPACE
from bot.formats._syntax.encoding import text_start

_LEADING_SPACE = re.compile(rb"%b*" % SPACE)
_IN_JSON = re.compile(rb'"syntax"[\t\n\r ]*:[\t\n\r ]*"([^"\\]*)')


class Syntax(NamedTuple):
    """The value of the directive."""

    text: bytes
    start: int
    """The byte it starts at."""
    line_number: int

    @property
    def image(self) -> bytes:
        """The reference; behind a space may be a command line for it."""
        return self.text.partition(b" ")[0]


def find_syntax(content: bytes) -> Syntax | None:
    """Return what `content` says of its syntax; None where it says nothing that BuildKit sees."""
    start = text_start(content)
    line_number = 1
    if content.startswith(b"#!", start):
        start = content.find(b"\n", start) + 1
        line_number += 1
        if not start:
            return None
    if content.startswith(b"#", start):
        return _in_directives(content, start, line_number, b"#")
    if content.startswith(b"//", start):
        return _in_directives(content, start, line_number, b"//")
    if content[start:].lstrip(b"\t\n\r ").startswith(b"{"):
        return _in_json(content, start)
    return None


def _in_directives(content: bytes, start: int, line_number: int, mark: bytes) -> Syntax | None:
    """Look through the directives that begin at `start`, up to a line that is none or one that repeats another."""
    seen: set[bytes] = set()
    while content.startswith(mark, start):
        end = content.find(b"\n", start)
        end = len(content) if end < 0 else end
        line_end = end - content.endswith(b"\r", start, end)
        first = _LEADING_SPACE.match(content, start + len(mark), line_end)
        directive = DIRECTIVE.fullmatch(content, first.end() if first else start, line_end)
        if directive is None:
            return None
        key = directive[1].lower()
        if key not in DIRECTIVES or key in seen:
            return None
        if key == b"syntax":
            return Syntax(directive[2], directive.start(2), line_number)
        seen.add(key)
        start = end + 1
        line_number += 1
    return None


def _in_json(content: bytes, start: int) -> Syntax | None:
    try:
        read = json.loads(content[start:])
    except (ValueError, RecursionError):
        return None
    value = read.get("syntax") if isinstance(read, dict) else None
    spellings = list(_IN_JSON.finditer(content, start))
    if not isinstance(value, str) or len(spellings) != 1:  # which of several it is, is not worth telling apart
        return None
    found = spellings[0]
    if found[1].decode(errors="replace") != value:
        return None
    return Syntax(found[1], found.start(1), content.count(b"\n", 0, found.start()) + 1)
