"""Writes tables as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bot.core.markdown import MAX_MESSAGE_LINE, make_one_line
from bot.reports.parts.json_text import JsonValue

Cell = str | int | float | bool | None

_FORMULA_STARTS = ("=", "+", "-", "@")
"""The characters with which spreadsheet programs recognise a formula: https://owasp.org/www-community/attacks/CSV_Injection."""


def render_csv(names: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return a table as CSV with a line of column names, without a line break at the end.

    Texts are untrusted. Their control characters become blanks. A text that a spreadsheet program would evaluate gets a
    `'` in front of it. Values that are None become empty cells.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_format_cell(cell) for cell in row] for row in rows)
    return buffer.getvalue().rstrip("\n")


def render_records(names: Sequence[str], records: Iterable[Mapping[str, JsonValue]]) -> str:
    """Return JSON objects as CSV with the columns `names`. See `render_csv` for the texts.

    The column of a value in a nested object has the names of both keys: `{"request": {"url": …}}` fills `request_url`.
    Several values are separated by blanks: `{"requests": [{"url": …}, …]}` fills `request_urls`. Other values are left
    out.
    """
    flat_records = (dict(_flatten(record)) for record in records)
    return render_csv(names, ([flat.get(name) for name in names] for flat in flat_records))


def _flatten(record: Mapping[str, JsonValue]) -> Iterator[tuple[str, Cell]]:
    for key, value in record.items():
        match value:
            case dict():
                yield from ((f"{key}_{inner}", cell) for inner, cell in _flatten(value))
            case list():
                objects = [dict(_flatten(each)) for each in value if isinstance(each, dict)]
                for inner in dict.fromkeys(inner for each in objects for inner in each):
                    yield f"{key.removesuffix('s')}_{inner}s", _join([each.get(inner) for each in objects])
                if not objects:
                    yield key, _join(value)
            case None | str() | int() | float():
                yield key, value


def _join(values: Iterable[object]) -> str:
    return " ".join(str(each) for each in values if each is not None)


def _format_cell(cell: Cell) -> Cell:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if not isinstance(cell, str):
        return cell
    text = make_one_line(cell, MAX_MESSAGE_LINE)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
