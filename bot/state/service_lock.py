"""Makes sure that only one process serves a state in a file."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from bot.model.errors import StateError

LOCK_SUFFIX = ".serve"
"""The suffix of the lock file, which stays empty."""


def lock_state_file(path: Path) -> IO[bytes]:
    """Lock the state in a file for the service until the returned file is closed, or until this process ends.

    The operating system releases the lock if the process is killed. Runs of other commands do not need the lock.

    Raises StateError if another process holds the lock, or if the lock file cannot be created.
    """
    lock_path = path.with_name(path.name + LOCK_SUFFIX)
    try:
        file = lock_path.open("ab")
    except OSError as error:
        raise StateError(f"cannot create the lock file {lock_path}: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise StateError(
            f"another `basebump serve` uses the state in {path}; hint: stop it, or use a state in PostgreSQL and "
            "`queue: postgresql`"
        ) from error
    return file
