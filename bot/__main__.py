"""The entry point of `basebump` and `python -m bot`."""

from __future__ import annotations

import os
import sys

from bot.cli import app
from bot.model.vocabulary import ExitCode


def main() -> int:
    """Run the command line and return its exit code.

    After an interrupt the process exits without waiting for threads that still wait for a response.
    """
    code = app.main()
    _discard_stderr()
    if code == ExitCode.INTERRUPTED:
        os._exit(code)
    return code


def _discard_stderr() -> None:
    """Discard buffered output if the reader of stderr has closed it.

    Otherwise, Python would exit with code 120. From version 3.13 on, it would do so even if all earlier writes to
    stderr failed.
    """
    try:
        sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


if __name__ == "__main__":
    sys.exit(main())
