"""Migrations of the tables of earlier releases."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, insert, inspect, select, update

from bot.state.tables import METADATA, SCHEMA_VERSION

Migration = Callable[[Connection], None]


def _to_version_2(connection: Connection) -> None:
    """Add the table of superseded tags."""
    moment = "DATETIME" if connection.dialect.name == "sqlite" else "TIMESTAMP WITH TIME ZONE"
    columns = "repository TEXT NOT NULL, tag TEXT NOT NULL, digest TEXT NOT NULL, reason TEXT NOT NULL"
    columns += f", detail TEXT NOT NULL, successor TEXT, looked_at {moment} NOT NULL, PRIMARY KEY (repository, tag)"
    connection.exec_driver_sql(f"CREATE TABLE ends ({columns})")


MIGRATIONS: tuple[Migration, ...] = (_to_version_2,)
"""In order: the first migrates version 1 to version 2.

A migration never changes after its release, so none refers to a `Table`, whose definition may change.
"""


class NewerSchemaError(Exception):
    """The tables are those of a later release of basebump."""


def bring_up_to_date(connection: Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Create the tables if there are none, or migrate older ones. No other process may write meanwhile.

    Raises NewerSchemaError.
    """
    present = 1 + len(migrations)
    found = version_of(connection)
    if found is None:
        METADATA.create_all(connection, checkfirst=False)  # fails if somebody else's table has one of the names
        connection.execute(insert(SCHEMA_VERSION).values(version=present))
        return
    if found > present:
        raise NewerSchemaError(f"its tables have version {found}, and this release supports {present}")
    for migrate in migrations[found - 1 :]:
        migrate(connection)
    if found < present:
        connection.execute(update(SCHEMA_VERSION).values(version=present))


def version_of(connection: Connection) -> int | None:
    """Return the version of the tables; None if there are none."""
    if not inspect(connection).has_table(SCHEMA_VERSION.name):
        return None
    version: int = connection.execute(select(SCHEMA_VERSION.c.version)).scalar_one()
    return version
