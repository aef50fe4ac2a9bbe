"""Parse variables in the texts of compose and `.env` files: `$NAME`, `${NAME}`, `${NAME:-default}`, `$$`.

The rules follow template/template.go in https://github.com/compose-spec/compose-go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.model.cross_file import InterpolatedText, LiteralText, VariableUse
from bot.model.source import Span

MAX_NESTING = 20
"""Limit on the nesting of `${A:-${B:-…}}`. People nest fewer than four."""

MAX_LENGTH = 8192
"""Limit on the characters of one text. A longer text is not split. A reference with all its variables has at most about
a thousand."""

MAX_DOLLARS = 200
"""Limit on the dollar signs of one text. A text with more dollar signs is not split. A reference has fewer than ten
variables."""

_VARIABLE_NAME = re.compile(r"\$(?:\$|\{?([a-z_][a-z0-9_]*))", re.ASCII | re.IGNORECASE)
_DOLLAR = re.compile(r"\$(?:(\$)|([a-z_][a-z0-9_]*)|\{(?:([a-z_][a-z0-9_]*)(?=\}|:?[-+?]))?)", re.ASCII | re.IGNORECASE)
"""An escaped dollar sign, a plain name, or an opening brace with its name. Braces without a valid name match no
group."""
_OPERATOR = re.compile(r":?[-+?]")
_BRACE = re.compile(r"\{.?|\}", re.DOTALL)
"""A brace. An opening brace includes the next character, because compose-go ignores the second brace of `{}` and
`{{`."""


class InvalidInterpolationError(Exception):
    """The text contains a variable that is not valid, so that compose would reject the text."""


def parse_text(text: str, start: int | None) -> InterpolatedText:
    """Split `text` into literals and uses of variables.

    A text that is too long to be an image reference is not split. Its result is the whole text as one literal, followed
    by every variable that the text may use, so that the caller can record these variables as used.

    Args:
        text: The text to split.
        start: The byte offset of `text` in the file, or None if the file does not contain the text verbatim. With None,
            the literals of the result have no spans.

    Raises:
        InvalidInterpolationError: Compose would reject the text.
    """
    if "$" not in text:
        return tuple(_make_literal(text, start, 0, len(text)))
    if len(text) > MAX_LENGTH or text.count("$") > MAX_DOLLARS:
        return LiteralText(text, None), *map(VariableUse, dict.fromkeys(list_variable_names(text)))
    return _parse_parts(text, start, 0)


def list_variable_names(text: str) -> Iterator[str]:
    """Yield the name of every variable that `text` may use.

    Unlike `parse_text`, this accepts a text of any length, and a text that compose would reject.
    """
    return (match[1] for match in _VARIABLE_NAME.finditer(text) if match[1])


def _parse_parts(text: str, start: int | None, depth: int) -> InterpolatedText:
    if depth > MAX_NESTING:
        raise InvalidInterpolationError
    parts: list[LiteralText | VariableUse] = []
    at = 0
    while match := _DOLLAR.search(text, at):
        parts += _make_literal(text, start, at, match.start())
        escaped, bare, name = match.groups()
        at = match.end()
        if escaped:
            parts.append(LiteralText("$", None))
        elif bare:
            parts.append(VariableUse(bare))
        elif name:
            end = _find_closing_brace(text, match.start())
            parts.append(_parse_variable(name, text, start, (at, end), depth))
            at = end + 1
        else:
            raise InvalidInterpolationError
    return (*parts, *_make_literal(text, start, at, len(text)))


def _parse_variable(name: str, text: str, start: int | None, rest_span: tuple[int, int], depth: int) -> VariableUse:
    """Parse a variable in braces, such as `${NAME:-default}`. The caller has already parsed its name.

    `rest_span` is the range of `text` from the end of the name to the closing brace. `depth` counts the variables
    around this one: it is 1 for `B` in `${A:-${B}}`.
    """
    begin, end = rest_span
    operator = _OPERATOR.match(text, begin, end)
    if operator is None:
        return VariableUse(name)
    begin = operator.end()
    if "\n" in text[begin:end]:
        raise InvalidInterpolationError
    operand = _parse_parts(text[begin:end], _shift_offset(text, start, begin), depth + 1)
    return VariableUse(
        name, operator[0], operand or tuple(_make_literal(text, start, begin, end, should_keep_empty=True))
    )


def _find_closing_brace(text: str, dollar: int) -> int:
    """Return the position of the brace that closes the `${` at position `dollar`.

    The rules follow getFirstBraceClosingIndex in compose-go. Raises InvalidInterpolationError if there is no such
    brace.
    """
    depth = 0
    for brace in _BRACE.finditer(text, dollar):
        depth += 1 if brace[0] != "}" else -1
        if depth == 0:
            return brace.start()
    raise InvalidInterpolationError


def _make_literal(
    text: str, start: int | None, begin: int, end: int, *, should_keep_empty: bool = False
) -> Iterator[LiteralText]:
    if begin < end or should_keep_empty:
        offset = _shift_offset(text, start, begin)
        literal = text[begin:end]
        yield LiteralText(literal, None if offset is None else Span(offset, offset + len(literal.encode())))


def _shift_offset(text: str, start: int | None, position: int) -> int | None:
    return None if start is None else start + len(text[:position].encode())
