"""Quarantine of an unusable SQLite database that a CI cache restored.

Users cannot remove a single file from a CI cache. If a job did not rename the unusable file, the cache would restore
the same file for every later job.
"""

from __future__ import annotations

from pathlib import Path

from bot.model.errors import StateError, UnusableStateError
from bot.state.database import Database

QUARANTINE_SUFFIX = ".unusable"
"""The suffix that a quarantined file gets."""
_SIDE_FILE_SUFFIXES = ("-wal", "-shm")
"""Suffixes of the files that SQLite writes next to a database. SQLite would mistake remaining ones for files of a new
database: https://www.sqlite.org/tempfiles.html."""


def quarantine_database(path: Path) -> str | None:
    """Rename an SQLite file if it is damaged or was migrated by a later release, and return the error.

    Return None if the file is not renamed: if it does not exist, is usable, or has another error. The run itself then
    reports that error.
    """
    if not path.exists():
        return None
    try:
        Database.sqlite(path).check_pages()
    except UnusableStateError as error:
        path.replace(path.with_name(f"{path.name}{QUARANTINE_SUFFIX}"))
        for suffix in _SIDE_FILE_SUFFIXES:
            path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)
        return str(error)
    except StateError:
        return None
    return None
