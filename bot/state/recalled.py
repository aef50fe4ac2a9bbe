"""Puts away what a cache gave back and nobody can use: by hand that cannot be done there, and it would stay."""

from __future__ import annotations

from pathlib import Path

from bot.model.errors import StateError, UnusableStateError
from bot.state.database import Database

PUT_AWAY = ".unusable"
"""Behind the name of what was put away."""
_BESIDE = ("-wal", "-shm")
"""What SQLite keeps beside a file, and would take for a part of the next one: https://www.sqlite.org/tempfiles.html."""


def put_away_unusable(path: Path) -> str | None:
    """Move a file of SQLite away that is damaged or of a later release; return why, or None where all is well.

    What else may be wrong with it, the run will say by itself.
    """
    if not path.exists():
        return None
    try:
        Database.sqlite(path).read_through()
    except UnusableStateError as error:
        path.replace(path.with_name(f"{path.name}{PUT_AWAY}"))
        for end in _BESIDE:
            path.with_name(f"{path.name}{end}").unlink(missing_ok=True)
        return str(error)
    except StateError:
        return None
    return None
