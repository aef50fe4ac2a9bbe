"""The checks of `basebump doctor` for the state. They create, migrate and write nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_problem
from bot.state.database import FOLDER_ADVICE, TABLES_ADVICE, Database
from bot.state.migration import MIGRATIONS, NewerSchemaError, get_version

READ_ACTION, WRITE_ACTION = "read the state", "write the state"
_CAN_CREATE_TABLES = "SELECT has_schema_privilege(current_schema(), 'CREATE')"
"""A query whose result is NULL if there is no schema (https://www.postgresql.org/docs/current/functions-info.html)."""


@dataclass(frozen=True, slots=True)
class StateFileExamination:
    """The checks of an SQLite file; implements `bot.ports.Diagnosable`."""

    path: Path

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - runs of every level keep state
        """Check that the SQLite file can be read and written. Raises StateError if it cannot be read."""
        shown, folder = str(self.path), self.path.absolute().parent
        if not os.access(folder, os.W_OK | os.X_OK) or not folder.is_dir():
            yield report_problem(
                shown, WRITE_ACTION, f"the folder of the file is missing or read-only; hint: {FOLDER_ADVICE}"
            )
        elif not self.path.exists():
            yield report_ok(shown, WRITE_ACTION, "the file does not exist yet; the next run creates it")
        else:
            yield _check_version(shown, Database.sqlite_read_only(self.path))
            if os.access(self.path, os.W_OK):
                yield report_ok(shown, WRITE_ACTION, "the file is writable")
            else:
                yield report_problem(shown, WRITE_ACTION, f"the file is read-only; hint: {FOLDER_ADVICE}")


@dataclass(frozen=True, slots=True)
class StateServerExamination:
    """The checks of a PostgreSQL database; implements `bot.ports.Diagnosable`."""

    url: str

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - runs of every level keep state
        """Check that the database can be read and written. Raises StateError if it cannot be read."""
        database = Database.postgresql_unmigrated(self.url)
        yield _check_version(database.display_name, database)
        with database.open_for_reading() as connection:
            can_create_tables = bool(connection.execute(text(_CAN_CREATE_TABLES)).scalar_one())
        if can_create_tables:
            yield report_ok(database.display_name, WRITE_ACTION, "the database user is allowed to create tables")
        else:
            yield report_problem(
                database.display_name,
                WRITE_ACTION,
                f"the database user is not allowed to create tables; hint: {TABLES_ADVICE}",
            )


def _check_version(display_name: str, database: Database) -> Check:
    """Check whether this release supports the version of the tables. Raises StateError if it cannot be read."""
    supported_version = 1 + len(MIGRATIONS)
    with database.open_for_reading() as connection:
        found_version = get_version(connection)
    if found_version is None:
        return report_ok(display_name, READ_ACTION, "the database has no tables yet; the next run creates them")
    if found_version > supported_version:
        error = NewerSchemaError(found_version, supported_version)
        return report_problem(
            display_name, READ_ACTION, f"{error}; hint: update basebump, or configure another database"
        )
    if found_version < supported_version:
        return report_ok(
            display_name,
            READ_ACTION,
            f"the tables have version {found_version}; the next run migrates them to version {supported_version}",
        )
    return report_ok(
        display_name, READ_ACTION, f"the tables have version {found_version}, which is the version of this release"
    )
