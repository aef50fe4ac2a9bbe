"""Create the tables of the state, or migrate the tables of an earlier release."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, insert, inspect, select, update

from bot.state.tables import METADATA, SCHEMA_VERSION, after_merge, exposure, inventory, work  # noqa: F401 - they add their tables to METADATA

Migration = Callable[[Connection], None]


MIGRATIONS: tuple[Migration, ...] = ()
"""The migrations in order. The first one migrates version 1 of the tables to version 2.

A migration never changes after its release. Therefore no migration uses a `Table`, because its definition may change.
"""


class NewerSchemaError(Exception):
    """Raised if a later release of basebump created or migrated the tables."""

    def __init__(self, found_version: int, supported_version: int) -> None:
        super().__init__(
            f"the tables have version {found_version}, but this release supports only versions up to "
            f"{supported_version}"
        )


def migrate_tables(connection: Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Create the tables if they do not exist, or migrate the tables of an earlier release.

    The caller must make sure that no other process writes at the same time. Raises NewerSchemaError if the tables are
    those of a later release.
    """
    supported_version = 1 + len(migrations)
    found_version = get_version(connection)
    if found_version is None:
        METADATA.create_all(connection, checkfirst=False)  # fails if a table of another program has one of the names
        connection.execute(insert(SCHEMA_VERSION).values(version=supported_version))
        return
    if found_version > supported_version:
        raise NewerSchemaError(found_version, supported_version)
    for migrate in migrations[found_version - 1 :]:
        migrate(connection)
    if found_version < supported_version:
        connection.execute(update(SCHEMA_VERSION).values(version=supported_version))


def get_version(connection: Connection) -> int | None:
    """Return the version of the tables. Return None if the tables do not exist."""
    if not inspect(connection).has_table(SCHEMA_VERSION.name):
        return None
    version: int = connection.execute(select(SCHEMA_VERSION.c.version)).scalar_one()
    return version
