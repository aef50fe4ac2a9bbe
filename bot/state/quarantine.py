"""Quarantine of an unusable database that a CI cache restored.

In a CI cache nobody can move the file away by hand, and every later job would get the same file.
"""

from __future__ import annotations

from pathlib import Path

from bot.model.errors import StateError, UnusableStateError
from bot.state.database import Database

QUARANTINE_SUFFIX = ".unusable"
"""The suffix of a quarantined file."""
_SIDE_FILE_SUFFIXES = ("-wal", "-shm")
"""SQLite's files beside a database, which it would take for those of a new one: https://www.sqlite.org/tempfiles.html."""


def quarantine_database(path: Path) -> str | None:
    """Rename an SQLite file that is damaged or of a later release; return why, or None if it stays.

    Other errors are left to the run, which reports them.
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
