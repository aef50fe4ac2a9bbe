"""`basebump`, and `python -m bot`."""

from __future__ import annotations

import os
import sys

from bot.cli import app
from bot.model.vocabulary import ExitCode


def main() -> int:
    """Run the command line and return its exit code; an interrupt waits for no thread that waits for an answer."""
    code = app.main()
    _let_go_of_stderr()
    if code == ExitCode.INTERRUPTED:
        os._exit(code)
    return code


def _let_go_of_stderr() -> None:
    """Where nobody reads stderr any more, let what is still to be flushed go nowhere.

    Python would end with 120 otherwise, from 3.13 on also where every write to it was refused before.
    """
    try:
        sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


if __name__ == "__main__":
    sys.exit(main())
