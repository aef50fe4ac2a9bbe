"""Rows of tables on pages: a limited number of rows, and texts from outside in their cells."""

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
    """A text that is a link to `address`. If `address` is None, because there is no safe address, it is plain text."""

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
    """Return a text from outside on one line of limited length. It is not escaped for HTML."""
    return make_console_line(text, limit)
