"""Makes sure that only one process serves a state in a file."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from bot.model.errors import StateError

LOCK_SUFFIX = ".serve"
"""The suffix of the lock file, which stays empty."""
_OWNER_ONLY = 0o600
"""Other users cannot open the lock file, because whoever can open it can lock it."""


def lock_state_file(path: Path) -> IO[bytes]:
    """Lock the state in a file for the service until the returned file is closed, or until this process ends.

    The operating system releases the lock if the process is killed. Runs of other commands do not need the lock.

    Raises StateError if another process holds the lock, or if the lock file cannot be created.
    """
    real_path = path.resolve()  # all paths and links to a state file lead to the same lock
    lock_path = real_path.with_name(real_path.name + LOCK_SUFFIX)
    try:
        file = os.fdopen(os.open(lock_path, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW, _OWNER_ONLY), "wb")
        os.fchmod(file.fileno(), _OWNER_ONLY)
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
