"""Read `.env` files next to compose files: the variables that compose substitutes in image references.

The rules follow dotenv/parser.go in https://github.com/compose-spec/compose-go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bot.formats._syntax.broken import BrokenAtError
from bot.formats._syntax.compose.interpolation import InvalidInterpolationError, parse_text
from bot.formats._syntax.encoding import find_text_start
from bot.formats._syntax.line_offsets import LineOffsets
from bot.model.cross_file import EnvironmentVariable, InterpolatedText, LiteralText, NamedFileUse
from bot.model.extracted_item import ExtractedItem
from bot.model.source import SourceFile, Span, UnsupportedText
from bot.model.vocabulary import Reason

_BLANK = rb"[\t\v\f\r ]"
_SKIPPED = re.compile(rb"(?:\s++|#[^\n]*+)*+")
_EXPORT = re.compile(rb"export\s%b*" % _BLANK)
_KEY = re.compile(rb"([^\s=:#'\"$%%&*,;<>?@\\^`{|}~()+!/]*)%b*([=:\n]|\Z)%b*" % (_BLANK, _BLANK))
"""A name and the character that ends the name. A name may contain `[`, `]`, `.`, `-`, and letters of any alphabet."""
_UNQUOTED = re.compile(rb"[^\n]*")
_COMMENT = b" #"
_QUOTED = re.compile(rb"(['\"])((?:\\.|(?!\1)[^\\])*+)\1", re.DOTALL)


class EnvAssignment(NamedTuple):
    """An assignment `NAME=value`."""

    name: str
    value: bytes
    """The source text of the value, without its quotes."""
    start: int
    """The byte offset of `value` in the file."""
    quote: str
    """`'`, `"` or empty. Variables in a value with `'` are not expanded."""


def read_assignments(content: bytes) -> Iterator[EnvAssignment]:
    """Yield the assignments in the order of the file. Raises BrokenAtError if compose would reject the file."""
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


MAX_LINES = 100_000
"""Limit on the lines of a file. A longer file is reported as `too-large`; people write a few hundred lines."""


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield every variable that the file assigns.

    If any line is invalid, yield only an `UnsupportedText`, because compose then rejects the whole file.
    """
    if file.content.count(b"\n") > MAX_LINES:
        yield UnsupportedText(file.path, 1, "", Reason.TOO_LARGE)
        return
    lines = LineOffsets(file.content)
    try:
        variables = [
            EnvironmentVariable(file.path, lines.get_line_number(each.start), each.name, _parse_value(each))
            for each in read_assignments(file.content)
        ]
        yield from variables
        yield from _list_compose_files(variables)
    except BrokenAtError as error:
        # The text of the line is left out, because it may contain a secret.
        yield UnsupportedText(file.path, lines.get_line_number(error.offset), "", Reason.UNPARSABLE)


def _list_compose_files(variables: Iterable[EnvironmentVariable]) -> Iterator[NamedFileUse]:
    """Yield the Compose files that the variable `COMPOSE_FILE` names, separated by colons."""
    for each in variables:
        if each.variable == "COMPOSE_FILE":
            texts = [part.text if isinstance(part, LiteralText) else "" for part in each.value]
            for name in "".join(texts).split(":") if all(texts) else ():
                yield NamedFileUse(each.path, each.line_number, "compose", (LiteralText(name, None),))
            if not all(texts):
                yield NamedFileUse(each.path, each.line_number, "compose", each.value)


def _parse_value(assignment: EnvAssignment) -> InterpolatedText:
    """Return the value of `assignment`, split into literal texts and variables.

    Raises BrokenAtError if compose would reject the value.
    """
    try:
        text = assignment.value.decode()
    except UnicodeDecodeError:
        return (LiteralText(assignment.value.decode(errors="replace"), None),)
    if "\\" in text and assignment.quote:  # no image reference contains an escape
        return (LiteralText(text, None),)
    if assignment.quote == "'":
        return (LiteralText(text, Span(assignment.start, assignment.start + len(assignment.value))),)
    try:
        return parse_text(text, assignment.start)
    except InvalidInterpolationError:
        raise BrokenAtError(assignment.start) from None
