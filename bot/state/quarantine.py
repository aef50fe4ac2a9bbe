"""Quarantine of an unusable SQLite database that a CI cache restored.

Users cannot remove a single file from a CI cache. If a job left the unusable file in place, the CI system would restore
this file for every later job, and all of these jobs would fail. A job therefore renames the file.
"""

from __future__ import annotations

from pathlib import Path

from bot.model.errors import StateError, UnusableStateError
from bot.state.database import SIDE_FILE_SUFFIXES, Database

QUARANTINE_SUFFIX = ".unusable"
"""The suffix that a quarantined file gets."""


def quarantine_database(path: Path) -> str | None:
    """Rename an SQLite file if it is damaged or was migrated by a later release, and return the error.

    If the file does not exist or is usable, it is not renamed, and None is returned. If it cannot be opened for another
    reason, such as missing permissions, None is returned, too, because the following run reports this error.
    """
    if not path.exists():
        return None
    try:
        Database.sqlite(path).check_pages()
    except UnusableStateError as error:
        path.replace(path.with_name(f"{path.name}{QUARANTINE_SUFFIX}"))
        for suffix in SIDE_FILE_SUFFIXES:  # SQLite would mistake remaining files for those of a new database
            path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)
        return str(error)
    except StateError:
        return None
    return None
