"""The command by which a user can start basebump again, for hints."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path


def get_own_command() -> str:
    """Return a command that starts this program again from any folder.

    The program may not be on PATH: `make demo` starts it as `.venv/bin/basebump`.
    """
    program = Path(sys.argv[0])
    if program.name == "__main__.py":
        return shlex.join([sys.executable, "-m", program.absolute().parent.name])
    found = shutil.which(program.name)
    if found is not None and Path(found).resolve() == program.resolve():
        return program.name
    return shlex.quote(str(program.absolute()))
