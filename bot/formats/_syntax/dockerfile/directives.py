"""Find the `# syntax=` directive of a Dockerfile, which names the image of the frontend that BuildKit uses.

The rules follow DetectSyntax in frontend/dockerfile/parser/directives.go of moby/buildkit. Directives are the first
lines of the file, after a byte-order mark and a `#!` line. They start with `#`. If the first line does not start with
`#`, they may start with `//`. If the file is a JSON object, its key `syntax` is the directive.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from bot.formats._syntax.dockerfile.instruction_lines import DIRECTIVE_KEYS, DIRECTIVE_PATTERN, SPACE
from bot.formats._syntax.encoding import find_text_start

_LEADING_SPACE = re.compile(rb"%b*" % SPACE)
_JSON_START = re.compile(rb"[\t\n\r ]*\{")
_JSON_SYNTAX = re.compile(rb'"syntax"[\t\n\r ]*:[\t\n\r ]*"([^"\\]*)')


class SyntaxDirective(NamedTuple):
    """A `syntax` directive of a Dockerfile."""

    text: bytes
    start: int
    """The byte offset of `text` in the file."""
    line_number: int

    @property
    def image(self) -> bytes:
        """The image reference, without the arguments for the frontend that may follow it after a space."""
        return self.text.partition(b" ")[0]


def find_syntax(content: bytes) -> SyntaxDirective | None:
    """Return the `syntax` directive of a Dockerfile, or None if it has no directive that BuildKit honours."""
    start = find_text_start(content)
    line_number = 1
    if content.startswith(b"#!", start):
        start = content.find(b"\n", start) + 1
        line_number += 1
        if not start:
            return None
    if content.startswith(b"#", start):
        return _find_in_directives(content, start, line_number, b"#")
    if content.startswith(b"//", start):
        return _find_in_directives(content, start, line_number, b"//")
    if _JSON_START.match(content, start):
        return _find_in_json(content, start)
    return None


def _find_in_directives(content: bytes, start: int, line_number: int, comment_mark: bytes) -> SyntaxDirective | None:
    """Return the first `syntax` directive in the comments from offset `start` on, or None if there is none.

    `comment_mark` is `#` or `//`, and `line_number` is the number of the line at `start`. The search ends at the first
    line that is not a directive, or that repeats the key of an earlier directive.
    """
    earlier_keys: set[bytes] = set()
    while content.startswith(comment_mark, start):
        end = content.find(b"\n", start)
        end = len(content) if end < 0 else end
        line_end = end - content.endswith(b"\r", start, end)
        first = _LEADING_SPACE.match(content, start + len(comment_mark), line_end)
        directive = DIRECTIVE_PATTERN.fullmatch(content, first.end() if first else start, line_end)
        if directive is None:
            return None
        key = directive[1].lower()
        if key not in DIRECTIVE_KEYS or key in earlier_keys:
            return None
        if key == b"syntax":
            return SyntaxDirective(directive[2], directive.start(2), line_number)
        earlier_keys.add(key)
        start = end + 1
        line_number += 1
    return None


def _find_in_json(content: bytes, start: int) -> SyntaxDirective | None:
    try:
        parsed = json.loads(content[start:])
    except (ValueError, RecursionError):
        return None
    value = parsed.get("syntax") if isinstance(parsed, dict) else None
    spellings = list(_JSON_SYNTAX.finditer(content, start))
    if not isinstance(value, str) or len(spellings) != 1:  # the key is repeated, so it is unknown which value applies
        return None
    match = spellings[0]
    if match[1].decode(errors="replace") != value:
        return None
    return SyntaxDirective(match[1], match.start(1), content.count(b"\n", 0, match.start()) + 1)
