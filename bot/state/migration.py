"""From what an earlier release left in a database to what this one reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, insert, inspect, select, update

from bot.state.tables import METADATA, SCHEMA_VERSION

Migration = Callable[[Connection], None]


def _to_version_2(connection: Connection) -> None:
    """Add what was found of lines that are over."""
    moment = "DATETIME" if connection.dialect.name == "sqlite" else "TIMESTAMP WITH TIME ZONE"
    columns = "repository TEXT NOT NULL, tag TEXT NOT NULL, digest TEXT NOT NULL, reason TEXT NOT NULL"
    columns += f", detail TEXT NOT NULL, successor TEXT, looked_at {moment} NOT NULL, PRIMARY KEY (repository, tag)"
    connection.exec_driver_sql(f"CREATE TABLE ends ({columns})")


MIGRATIONS: tuple[Migration, ...] = (_to_version_2,)
"""In order: the first makes version 2 of version 1. What they do never changes again, so they name no `Table`."""


class NewerSchemaError(Exception):
    """A later release of basebump has changed the tables."""


def bring_up_to_date(connection: Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Make the tables where there are none, and of older ones the present ones; the caller is the only writer.

    Raises NewerSchemaError.
    """
    present = 1 + len(migrations)
    found = version_of(connection)
    if found is None:
        METADATA.create_all(connection, checkfirst=False)  # a table of somebody else's with such a name is no table
        connection.execute(insert(SCHEMA_VERSION).values(version=present))
        return
    if found > present:
        raise NewerSchemaError(f"its tables are of version {found}, and this release reads {present}")
    for migrate in migrations[found - 1 :]:
        migrate(connection)
    if found < present:
        connection.execute(update(SCHEMA_VERSION).values(version=present))


def version_of(connection: Connection) -> int | None:
    """Return the version of the tables, None where there are none."""
    if not inspect(connection).has_table(SCHEMA_VERSION.name):
        return None
    version: int = connection.execute(select(SCHEMA_VERSION.c.version)).scalar_one()
    return version
