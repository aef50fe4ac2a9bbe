"""Quarantine of an unusable state database that a CI cache restored.

Users cannot move a file in a CI cache away by hand. Without a quarantine, every later job would get the same file.
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
    """Rename an SQLite file that is damaged or was migrated by a later release, and return the error.

    Return None if the file stays where it is, because it does not exist, is usable, or has another error. The run
    itself reports such an error.
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
