"""Read rows of the state, some of which may be damaged.

basebump never writes values of wrong types, but users and damaged disks can change a database. Such a row costs what it
contains, and nothing else: it is left out, and written again with the next visit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, Table


def read_rows(
    connection: Connection, query: Select[Any], tolerated: Collection[str] = ()
) -> Iterator[Row[*tuple[Any, ...]]]:
    """Yield the rows of a query on columns. Rows that contain values of wrong types are left out.

    The columns in `tolerated` can contain such values nevertheless, so that the caller can use the rest of the row.
    """
    expected_types = [None if each.name in tolerated else each.type.python_type for each in query.selected_columns]
    usable: dict[tuple[type, ...], bool] = {}
    for row in connection.execute(query):
        types = tuple(map(type, row))
        if types not in usable:
            usable[types] = _are_expected(types, expected_types)
        if usable[types]:
            yield row


def is_usable(row: Row[Any], table: Table) -> bool:
    """Return True if a row with all columns of a table contains no values of wrong types."""
    return _are_expected(tuple(map(type, row)), [each.type.python_type for each in table.columns])


def _are_expected(types: Sequence[type], expected_types: Sequence[type | None]) -> bool:
    return all(
        expected in {None, found} or found is type(None) for found, expected in zip(types, expected_types, strict=True)
    )
