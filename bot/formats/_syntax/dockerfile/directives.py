"""Find the frontend image of a Dockerfile: `# syntax=`, where BuildKit honours it.

See DetectSyntax in frontend/dockerfile/parser/directives.go of moby/buildkit. Directives stand at the very top, after a
BOM and a `#!` line, and begin with `#`. If there are none, they may begin with `//`. If there are none of these either,
the file may be a JSON object with the key `syntax`.
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
    """The value of a `syntax` directive."""

    text: bytes
    start: int
    """The byte of the file at which it begins."""
    line_number: int

    @property
    def image(self) -> bytes:
        """The image reference; arguments for the frontend may follow behind a space."""
        return self.text.partition(b" ")[0]


def find_syntax(content: bytes) -> Syntax | None:
    """Return the `syntax` directive of a Dockerfile; None if it has none that BuildKit honours."""
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
    """Read the directives from `start` on, up to the first line that is not a directive or repeats one."""
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
    if not isinstance(value, str) or len(spellings) != 1:  # several spellings are not worth telling apart
        return None
    found = spellings[0]
    if found[1].decode(errors="replace") != value:
        return None
    return Syntax(found[1], found.start(1), content.count(b"\n", 0, found.start()) + 1)
