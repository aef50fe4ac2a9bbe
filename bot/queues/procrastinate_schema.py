"""Creates the tables of Procrastinate, or migrates the tables of an earlier release."""

from __future__ import annotations

from importlib.resources import files

from sqlalchemy import Column, Connection, MetaData, Table, Text, insert, inspect, select

from bot.model.errors import StateError

_APPLIED = Table("queue_migrations", MetaData(), Column("name", Text, primary_key=True))
"""basebump's own table with the names of the migrations that were applied to the tables of Procrastinate."""


def prepare_tables(connection: Connection) -> None:
    """Create or migrate the tables in an open transaction.

    The caller must ensure that no other process does so meanwhile.

    Raises:
        StateError: If another program created tables of Procrastinate in the database.
    """
    folder = files("procrastinate.sql")
    migrations = sorted(each.name for each in folder.joinpath("migrations").iterdir() if each.name.endswith(".sql"))
    applied = frozenset[str]()
    if inspect(connection).has_table(_APPLIED.name):
        applied = frozenset(connection.execute(select(_APPLIED.c.name)).scalars())
        for name in migrations:
            if name not in applied:
                _execute_script(connection, folder.joinpath("migrations", name).read_text(encoding="utf-8"))
    elif inspect(connection).has_table("procrastinate_jobs"):
        raise StateError(
            "cannot create the tables of the queue: another program has created tables of Procrastinate in the "
            "database; hint: set `state` to a database of its own"
        )
    else:
        _APPLIED.create(connection)
        _execute_script(connection, folder.joinpath("schema.sql").read_text(encoding="utf-8"))
    missing = [{"name": name} for name in migrations if name not in applied]
    if missing:
        connection.execute(insert(_APPLIED), missing)


def _execute_script(connection: Connection, script: str) -> None:
    """Execute several statements. Without parameters, the driver does not interpret percent signs."""
    cursor = connection.connection.cursor()
    cursor.execute(script)
    cursor.close()
