"""Read `.env` files beside compose files: the variables that compose puts into image references."""

from __future__ import annotations

from collections.abc import Iterator

from bot.formats._syntax.broken import BrokenAtError
from bot.formats._syntax.compose.dotenv import EnvAssignment, read_assignments
from bot.formats._syntax.compose.interpolation import InvalidInterpolationError, parse_text
from bot.formats._syntax.line_offsets import LineOffsets
from bot.model.cross_file import EnvironmentVariable, InterpolatedText, LiteralText
from bot.model.extracted_item import ExtractedItem
from bot.model.source import SourceFile, Span, UnsupportedText
from bot.model.vocabulary import Reason

MAX_LINES = 100_000
"""Longer files are reported as too deep; people write some hundred lines."""


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield every variable; nothing but the error if any line is invalid, as compose then refuses the whole file."""
    if file.content.count(b"\n") > MAX_LINES:
        yield UnsupportedText(file.path, 1, "", Reason.TOO_DEEP)
        return
    lines = LineOffsets(file.content)
    try:
        yield from [
            EnvironmentVariable(file.path, lines.get_line_number(each.start), each.name, _parse_value(each))
            for each in read_assignments(file.content)
        ]
    except BrokenAtError as error:
        # The text of the line is left out: it may hold a secret.
        yield UnsupportedText(file.path, lines.get_line_number(error.offset), "", Reason.UNPARSABLE)


def _parse_value(assignment: EnvAssignment) -> InterpolatedText:
    """Return the value as literals and uses of variables. Raises BrokenAtError."""
    try:
        text = assignment.value.decode()
    except UnicodeDecodeError:
        return (LiteralText(assignment.value.decode(errors="replace"), None),)
    if "\\" in text and assignment.quote:  # an escape; no reference has one
        return (LiteralText(text, None),)
    if assignment.quote == "'":
        return (LiteralText(text, Span(assignment.start, assignment.start + len(assignment.value))),)
    try:
        return parse_text(text, assignment.start)
    except InvalidInterpolationError:
        raise BrokenAtError(assignment.start) from None
