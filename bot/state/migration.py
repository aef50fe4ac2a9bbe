"""Create the tables of the state, or migrate the tables of an earlier release."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, insert, inspect, select, update

from bot.state import inventory_tables, stage_tables, work_tables  # noqa: F401 - they add their tables to METADATA
from bot.state.inventory_migration import migrate_to_version_4
from bot.state.stage_migration import migrate_to_version_10
from bot.state.tables import METADATA, SCHEMA_VERSION
from bot.state.work_migration import migrate_to_version_9, migrate_to_version_11

Migration = Callable[[Connection], None]


def _migrate_to_version_2(connection: Connection) -> None:
    """Add the table of superseded tags."""
    time_type = "DATETIME" if connection.dialect.name == "sqlite" else "TIMESTAMP WITH TIME ZONE"
    columns = "repository TEXT NOT NULL, tag TEXT NOT NULL, digest TEXT NOT NULL, reason TEXT NOT NULL"
    columns += f", detail TEXT NOT NULL, successor TEXT, looked_at {time_type} NOT NULL, PRIMARY KEY (repository, tag)"
    connection.exec_driver_sql(f"CREATE TABLE ends ({columns})")


def _migrate_to_version_3(connection: Connection) -> None:
    """Add the table of the last commits of basebump's branches."""
    time_type = "DATETIME" if connection.dialect.name == "sqlite" else "TIMESTAMP WITH TIME ZONE"
    columns = "forge TEXT NOT NULL, host TEXT NOT NULL, repository TEXT NOT NULL, branch TEXT NOT NULL"
    columns += f", commit_id TEXT NOT NULL, intent TEXT NOT NULL, pushed_at {time_type} NOT NULL"
    connection.exec_driver_sql(f"CREATE TABLE pushes ({columns}, PRIMARY KEY (forge, host, repository, branch))")


def _migrate_to_version_5(connection: Connection) -> None:
    """Add the table of the proposals that were opened recently."""
    time_type = "DATETIME" if connection.dialect.name == "sqlite" else "TIMESTAMP WITH TIME ZONE"
    columns = "forge TEXT NOT NULL, host TEXT NOT NULL, repository TEXT NOT NULL, branch TEXT NOT NULL"
    columns += ", counts_per_run BOOLEAN NOT NULL, is_first_of_repository BOOLEAN NOT NULL"
    columns += f", opened_at {time_type} NOT NULL"
    connection.exec_driver_sql(f"CREATE TABLE openings ({columns}, PRIMARY KEY (forge, host, repository, branch))")


def _migrate_to_version_6(connection: Connection) -> None:
    """Add the outcome of CI to requests."""
    for column in ("head", "ci", "base_ci"):
        connection.exec_driver_sql(f"ALTER TABLE requests ADD COLUMN {column} TEXT")


def _migrate_to_version_7(connection: Connection) -> None:
    """Add the due dates of requests."""
    time_type = "DATETIME" if connection.dialect.name == "sqlite" else "TIMESTAMP WITH TIME ZONE"
    connection.exec_driver_sql(f"ALTER TABLE requests ADD COLUMN due_at {time_type}")


def _migrate_to_version_8(connection: Connection) -> None:
    """Add the time at which the fixes of requests were published."""
    time_type = "DATETIME" if connection.dialect.name == "sqlite" else "TIMESTAMP WITH TIME ZONE"
    connection.exec_driver_sql(f"ALTER TABLE requests ADD COLUMN fix_published_at {time_type}")


MIGRATIONS: tuple[Migration, ...] = (
    _migrate_to_version_2,
    _migrate_to_version_3,
    migrate_to_version_4,
    _migrate_to_version_5,
    _migrate_to_version_6,
    _migrate_to_version_7,
    _migrate_to_version_8,
    migrate_to_version_9,
    migrate_to_version_10,
    migrate_to_version_11,
)
"""The migrations in order. The first one migrates version 1 of the tables to version 2.

A migration never changes after its release. Therefore no migration uses a `Table`, because its definition may change.
"""


class NewerSchemaError(Exception):
    """Raised if a later release of basebump created or migrated the tables."""


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
        raise NewerSchemaError(
            f"the tables have version {found_version}, but this release supports only versions up to "
            f"{supported_version}"
        )
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
