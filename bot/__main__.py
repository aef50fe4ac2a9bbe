"""`basebump`, and `python -m bot`."""

from __future__ import annotations

import os
import sys

from bot.cli import app
from bot.model.vocabulary import ExitCode


def main() -> int:
    """Run the command line and return its exit code; an interrupt waits for no thread that waits for an answer."""
    code = app.main()
    if code == ExitCode.INTERRUPTED:
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
