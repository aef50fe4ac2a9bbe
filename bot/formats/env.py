"""`.env` files beside compose files: the variables that compose puts into images."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from posixpath import basename, dirname

from bot.formats._syntax.broken import BrokenAtError
from bot.formats._syntax.compose.dotenv import Assignment, read_assignments
from bot.formats._syntax.compose.files import is_compose_file
from bot.formats._syntax.compose.interpolation import InvalidInterpolationError, parse_text
from bot.formats._syntax.lines import Lines
from bot.model.remark import EnvironmentVariable, Literal, Text
from bot.model.source import FilePath, SourceFile, Span, Unsupported
from bot.model.vocabulary import Reason
from bot.ports import FileFormat

MAX_LINES = 100_000
"""People have some hundred."""

_FILE_NAME = ".env"


@dataclass(frozen=True, slots=True)
class _Env:
    name: str = "env"
    has_line_end_comments: bool = True

    def selects(self, paths: Collection[FilePath]) -> Iterable[FilePath]:
        environments = [path for path in paths if basename(path) == _FILE_NAME]
        if not environments:
            return []
        folders = {dirname(path) for path in paths if is_compose_file(path)}
        return [path for path in environments if dirname(path) in folders]

    def extract(self, file: SourceFile) -> Iterator[EnvironmentVariable | Unsupported]:
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


FORMAT: FileFormat = _Env()
