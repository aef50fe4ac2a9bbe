"""Tries whether runs will be able to remember, without making, migrating or writing anything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from bot.model.diagnosis import Aim, Check, ok, problem
from bot.state.database import FOLDER_ADVICE, TABLES_ADVICE, Database
from bot.state.migration import MIGRATIONS, version_of

READ, WRITE = "read what runs remember", "write what runs remember"
_MAY_MAKE = "SELECT has_schema_privilege(current_schema(), 'CREATE')"
"""None where there is no schema at all (https://www.postgresql.org/docs/current/functions-info.html)."""


@dataclass(frozen=True, slots=True)
class StateFileExamination:
    """Implements `bot.ports.Examined` for a file of SQLite."""

    path: Path

    def examine(self, aim: Aim) -> Iterator[Check]:  # noqa: ARG002 - runs of every level remember
        """Look at the file. Raises StateError where it cannot be read."""
        shown, folder = str(self.path), self.path.absolute().parent
        if not os.access(folder, os.W_OK | os.X_OK) or not folder.is_dir():
            yield problem(shown, WRITE, FOLDER_ADVICE)
        elif not self.path.exists():
            yield ok(shown, WRITE, "it is not there yet; the next run makes it")
        else:
            yield _of_version(shown, Database.sqlite_as_it_is(self.path))
            may_write = os.access(self.path, os.W_OK)
            yield ok(shown, WRITE, "it may be written") if may_write else problem(shown, WRITE, FOLDER_ADVICE)


@dataclass(frozen=True, slots=True)
class StateServerExamination:
    """Implements `bot.ports.Examined` for a database of PostgreSQL."""

    url: str

    def examine(self, aim: Aim) -> Iterator[Check]:  # noqa: ARG002 - runs of every level remember
        """Look at the database. Raises StateError where it cannot be read."""
        database = Database.postgresql_as_it_is(self.url)
        yield _of_version(database.shown, database)
        with database.reading() as connection:
            may_make = bool(connection.execute(text(_MAY_MAKE)).scalar_one())
        may = "its user may make tables"
        yield ok(database.shown, WRITE, may) if may_make else problem(database.shown, WRITE, TABLES_ADVICE)


def _of_version(shown: str, database: Database) -> Check:
    """Say whether this release can use the tables. Raises StateError."""
    present = 1 + len(MIGRATIONS)
    with database.reading() as connection:
        found = version_of(connection)
    if found is None:
        return ok(shown, READ, "there are no tables in it yet; the next run makes them")
    if found > present:
        what = f"its tables are of version {found}, and this release reads {present}"
        return problem(shown, READ, f"{what}; update basebump, or name another")
    if found < present:
        return ok(shown, READ, f"its tables are of version {found}; the next run makes version {present} of them")
    return ok(shown, READ, f"its tables are of version {found}, as this release has them")
