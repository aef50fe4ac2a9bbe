"""Lists with a limited number of rows, for pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Row = TypeVar("Row")
Facts = TypeVar("Facts")


@dataclass(frozen=True, slots=True)
class ShownRows(Generic[Row]):
    """The first rows of a list, and the number of rows that were left out."""

    rows: tuple[Row, ...]
    left_out: int


def cut_rows(entries: Sequence[Facts], rows: int, build_row: Callable[[Facts], Row]) -> ShownRows[Row]:
    """Return the first `rows` entries as rows."""
    return ShownRows(tuple(map(build_row, entries[:rows])), max(0, len(entries) - rows))
