"""Limits the number of rows of tables on pages, and shortens untrusted texts in their cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from bot.core.markdown import make_console_line
from bot.core.notes import MAX_NOTE_LENGTH

Row = TypeVar("Row")
Facts = TypeVar("Facts")


@dataclass(frozen=True, slots=True)
class LinkedText:
    """A text that is a link to the URL `address`.

    If there is no safe URL, `address` is None and the text is not a link.
    """

    text: str
    address: str | None


@dataclass(frozen=True, slots=True)
class ShownRows(Generic[Row]):
    """The first rows of a list, and the number of rows that were left out."""

    rows: tuple[Row, ...]
    left_out: int


def cut_rows(entries: Sequence[Facts], rows: int, build_row: Callable[[Facts], Row]) -> ShownRows[Row]:
    """Return the first `rows` entries as rows."""
    return ShownRows(tuple(map(build_row, entries[:rows])), max(0, len(entries) - rows))


def shorten_text(text: str, limit: int = MAX_NOTE_LENGTH) -> str:
    """Return an untrusted text on one line of limited length. The result is not escaped for HTML."""
    return make_console_line(text, limit)
