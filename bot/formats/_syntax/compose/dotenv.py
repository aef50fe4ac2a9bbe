"""Parse the assignments of an `.env` file.

Rules: dotenv/parser.go of https://github.com/compose-spec/compose-go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from bot.formats._syntax.broken import BrokenAtError
from bot.formats._syntax.encoding import find_text_start

_BLANK = rb"[\t\v\f\r ]"
_SKIPPED = re.compile(rb"(?:\s|#[^\n]*)*")
_EXPORT = re.compile(rb"export\s%b*" % _BLANK)
_KEY = re.compile(rb"([^\s=:#'\"$%%&*,;<>?@\\^`{|}~()+!/]*)%b*([=:\n]|\Z)%b*" % (_BLANK, _BLANK))
"""A name and the character that ends it; a name may contain `[`, `]`, `.`, `-`, and letters of any alphabet."""
_UNQUOTED = re.compile(rb"[^\n]*")
_COMMENT = b" #"
_QUOTED = re.compile(rb"(['\"])((?:\\.|(?!\1)[^\\])*+)\1", re.DOTALL)


class EnvAssignment(NamedTuple):
    """An assignment `NAME=value`."""

    name: str
    value: bytes
    """The source text, without its quotes."""
    start: int
    """The byte of the file at which `value` stands."""
    quote: str
    """`'`, `"` or empty; a value in `'` is not interpolated."""


def read_assignments(content: bytes) -> Iterator[EnvAssignment]:
    """Yield the assignments in order. Raises BrokenAtError where compose would refuse the file."""
    at = find_text_start(content)
    while (at := _match_end(_SKIPPED, content, at)) < len(content):
        at = _match_end(_EXPORT, content, at)
        key = _KEY.match(content, at)
        if key is None:
            raise BrokenAtError(at)
        at = key.end()
        if key[2] not in (b"=", b":"):
            at = key.end(2)
            continue
        name = key[1].decode(errors="replace")
        if content[at : at + 1] in (b"'", b'"'):
            quoted = _QUOTED.match(content, at)
            if quoted is None:
                raise BrokenAtError(at)
            yield EnvAssignment(name, quoted[2], quoted.start(2), quoted[1].decode())
            at = quoted.end()
        else:
            line = content[at : _match_end(_UNQUOTED, content, at)]
            yield EnvAssignment(name, line.partition(_COMMENT)[0].rstrip(), at, "")
            at += len(line)


def _match_end(pattern: re.Pattern[bytes], content: bytes, at: int) -> int:
    match = pattern.match(content, at)
    return match.end() if match else at
