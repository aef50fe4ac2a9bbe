"""Writes tables as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from bot.core.markdown import MAX_MESSAGE_LINE, make_one_line

Cell = str | int | float | bool | None

_FORMULA_STARTS = ("=", "+", "-", "@")
"""The characters with which spreadsheet programs recognise a formula: https://owasp.org/www-community/attacks/CSV_Injection."""


def render_csv(names: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return a table as CSV with a line of names, without a line break at the end.

    Texts are untrusted. Their control characters become blanks. A text that a spreadsheet program would evaluate gets a
    `'` in front of it. Values that are None become empty cells.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_format_cell(cell) for cell in row] for row in rows)
    return buffer.getvalue().rstrip("\n")


def _format_cell(cell: Cell) -> Cell:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if not isinstance(cell, str):
        return cell
    text = make_one_line(cell, MAX_MESSAGE_LINE)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
