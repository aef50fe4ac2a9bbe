"""Renders tables for text output, which leave out columns on a narrow terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.core.markdown import describe_rest, make_console_line
from bot.reports.parts.styled_lines import Line, Style, StyledLine

MAX_ROWS = 200
"""The maximum number of rows that a table shows; `--format json` has all rows."""
MAX_CELL_WIDTH = 60
"""The maximum width of a column. The last cell of a row can be longer."""
MIN_TEXT_WIDTH = 24
"""If a sentence in the last column would have less space than this, the column is left out."""
_GAP = "  "
"""The blanks before each column."""

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    drop_rank: int | None = None
    """The position in the order in which columns are left out on a narrow terminal; None if the column is always
    shown.
    """
    is_text: bool = False
    """True if the cells are sentences. They are shortened at the end of a word before the column is left out."""


def render_table(columns: Sequence[Column], rows: Sequence[Row], screen_width: int | None) -> Iterator[Line]:
    """Yield the headings, a line for each row, and a line with the names of the columns that do not fit.

    If a row is too long even without these columns, its last cells can be wrapped. Control characters are removed,
    because texts are untrusted. If `screen_width` is None, all columns are shown.
    """
    shown_rows = [_format_cells(row) for row in rows[:MAX_ROWS]]
    names = tuple(column.name for column in columns)
    widths = [max(map(len, cells)) for cells in zip(*shown_rows, strict=True)]
    widths = [max(width, len(name)) if width else 0 for width, name in zip(widths, names, strict=True)]
    left_out = _fit_columns(columns, widths, screen_width) if screen_width is not None else []
    for row in (names, *shown_rows):
        cells = [_shorten(row[index], width).ljust(width) for index, width in enumerate(widths) if width]
        *first, last = cells
        yield StyledLine("".join(f"{_GAP}{cell}" for cell in first) + _GAP, last.rstrip(), Style.EXPLANATION)
    if left_out:
        yield f"{_GAP}(no room for: {', '.join(left_out)})"
    yield from _count_hidden_rows(rows)


def _fit_columns(columns: Sequence[Column], widths: list[int], screen_width: int) -> list[str]:
    """Set the widths of columns to 0 until the remaining columns fit the screen.

    Return the names of the removed columns.
    """
    left_out: list[str] = []
    ranks = {column.drop_rank: index for index, column in enumerate(columns) if column.drop_rank is not None}
    for _, index in sorted(ranks.items()):
        excess = _measure(widths) - screen_width
        if excess <= 0 or not widths[index]:
            continue
        is_shortened = columns[index].is_text and widths[index] - excess >= MIN_TEXT_WIDTH
        if not is_shortened:
            left_out.append(columns[index].name)
        widths[index] = widths[index] - excess if is_shortened else 0
    return left_out


def render_changes(rows: Sequence[Row], screen_width: int | None) -> Iterator[Line]:
    """Yield a line for each row, which ends with an old and a new value: `user  app  →  root`.

    The old and new values are aligned in columns if every row fits `screen_width`. If not, each line can be wrapped.
    """
    shown_rows = [_format_cells((*labels, old, "→", new)) for *labels, old, new in rows[:MAX_ROWS]]
    widths = [max(map(len, cells)) for cells in zip(*shown_rows, strict=True)]
    is_aligned = screen_width is None or _measure(widths) <= screen_width
    for row in shown_rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        *labels, old, arrow, new = cells if is_aligned else (*cells[:-3], *row[-3:])
        gap = _GAP if is_aligned else " "
        yield StyledLine(
            "".join(f"{_GAP}{label}" for label in labels) + _GAP,
            gap.join((old, arrow, new)).rstrip(),
            Style.EXPLANATION,
        )
    yield from _count_hidden_rows(rows)


def _count_hidden_rows(rows: Sequence[Row]) -> Iterator[Line]:
    if rest := describe_rest(len(rows), MAX_ROWS):
        yield f"{_GAP}{rest} rows"


def _format_cells(texts: Row) -> Row:
    *first, last = texts
    return (*(make_console_line(text, MAX_CELL_WIDTH) for text in first), make_console_line(last))


def _measure(widths: Sequence[int]) -> int:
    """Return the length of a line with columns of these widths. A column with the width 0 is not shown."""
    return sum(len(_GAP) + width for width in widths if width)


def _shorten(text: str, width: int) -> str:
    """Return the text, or as many of its first words as fit, followed by `…`."""
    if len(text) <= width:
        return text
    start, _, _ = text[:width].rpartition(" ")
    return f"{start or text[: width - 1]}…"
