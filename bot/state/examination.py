"""The checks of `basebump doctor` for the state: nothing is created, migrated or written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_problem
from bot.state.database import FOLDER_ADVICE, TABLES_ADVICE, Database
from bot.state.migration import MIGRATIONS, version_of

READ, WRITE = "read the state", "write the state"
_MAY_MAKE = "SELECT has_schema_privilege(current_schema(), 'CREATE')"
"""The result is NULL if there is no schema (https://www.postgresql.org/docs/current/functions-info.html)."""


@dataclass(frozen=True, slots=True)
class StateFileExamination:
    """The check of an SQLite file; implements `bot.ports.Diagnosable`."""

    path: Path

    def examine(self, aim: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - runs of every level keep state
        """Check that the file can be read and written. Raises StateError if it cannot be read."""
        shown, folder = str(self.path), self.path.absolute().parent
        if not os.access(folder, os.W_OK | os.X_OK) or not folder.is_dir():
            yield report_problem(shown, WRITE, f"its folder is missing or read-only; hint: {FOLDER_ADVICE}")
        elif not self.path.exists():
            yield report_ok(shown, WRITE, "it does not exist yet; the next run creates it")
        else:
            yield _of_version(shown, Database.sqlite_as_it_is(self.path))
            if os.access(self.path, os.W_OK):
                yield report_ok(shown, WRITE, "it is writable")
            else:
                yield report_problem(shown, WRITE, f"it is read-only; hint: {FOLDER_ADVICE}")


@dataclass(frozen=True, slots=True)
class StateServerExamination:
    """The check of a PostgreSQL database; implements `bot.ports.Diagnosable`."""

    url: str

    def examine(self, aim: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - runs of every level keep state
        """Check that the database can be read and written. Raises StateError if it cannot be read."""
        database = Database.postgresql_as_it_is(self.url)
        yield _of_version(database.shown, database)
        with database.reading() as connection:
            may_make = bool(connection.execute(text(_MAY_MAKE)).scalar_one())
        if may_make:
            yield report_ok(database.shown, WRITE, "its user may create tables")
        else:
            yield report_problem(database.shown, WRITE, f"its user may not create tables; hint: {TABLES_ADVICE}")


def _of_version(shown: str, database: Database) -> Check:
    """Check whether this release can use the tables of the database. Raises StateError."""
    present = 1 + len(MIGRATIONS)
    with database.reading() as connection:
        found = version_of(connection)
    if found is None:
        return report_ok(shown, READ, "it has no tables yet; the next run creates them")
    if found > present:
        what = f"its tables have version {found}, and this release supports {present}"
        return report_problem(shown, READ, f"{what}; hint: update basebump, or configure another database")
    if found < present:
        return report_ok(
            shown, READ, f"its tables have version {found}; the next run migrates them to version {present}"
        )
    return report_ok(shown, READ, f"its tables have version {found}, that of this release")
