"""How `.env` files beside compose files are read: the variables that compose puts into images."""

from __future__ import annotations

from collections.abc import Iterator

from bot.formats._syntax.broken import BrokenAtError
from bot.formats._syntax.compose.dotenv import Assignment, read_assignments
from bot.formats._syntax.compose.interpolation import InvalidInterpolationError, parse_text
from bot.formats._syntax.lines import Lines
from bot.model.found import Found
from bot.model.remark import EnvironmentVariable, Literal, Text
from bot.model.source import SourceFile, Span, Unsupported
from bot.model.vocabulary import Reason

MAX_LINES = 100_000
"""People have some hundred."""


def read(file: SourceFile) -> Iterator[Found]:
    """Yield every variable, or, as compose does, none of a file that is broken somewhere."""
    if file.content.count(b"\n") > MAX_LINES:
        yield Unsupported(file.path, 1, "", Reason.TOO_DEEP)
        return
    lines = Lines(file.content)
    try:
        yield from [
            EnvironmentVariable(file.path, lines.number(each.start), each.name, _text(each))
            for each in read_assignments(file.content)
        ]
    except BrokenAtError as error:
        # The line itself may hold a secret.
        yield Unsupported(file.path, lines.number(error.offset), "", Reason.UNPARSABLE)


def _text(assignment: Assignment) -> Text:
    """Return what a value is made of. Raises BrokenAtError."""
    try:
        text = assignment.value.decode()
    except UnicodeDecodeError:
        return (Literal(assignment.value.decode(errors="replace"), None),)
    if "\\" in text and assignment.quote:  # an escape of some kind: no reference has one
        return (Literal(text, None),)
    if assignment.quote == "'":
        return (Literal(text, Span(assignment.start, assignment.start + len(assignment.value))),)
    try:
        return parse_text(text, assignment.start)
    except InvalidInterpolationError:
        raise BrokenAtError(assignment.start) from None
