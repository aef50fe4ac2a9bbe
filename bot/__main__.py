"""The entry point of `basebump` and `python -m bot`."""

from __future__ import annotations

import gc
import os
import signal
import sys


def main() -> int:
    """Run the command line and return its exit code.

    If a signal ended the command, the process exits at once, even if threads still wait for a response.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Python's own handler would print a traceback if the interrupt arrived during the imports
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from bot.cli import app  # noqa: PLC0415 - after the line above
    from bot.cli.interrupt_signals import end_without_threads  # noqa: PLC0415 - as above

    code = app.main()
    _discard_stderr()
    end_without_threads(code)
    gc.freeze()  # at exit, Python would search all objects for cycles, which takes 0.2 seconds after a large scan
    return code


def _discard_stderr() -> None:
    """Discard the buffered output if the reader of stderr has closed it.

    If output were left in the buffer, Python would fail to write it at exit, and would replace the exit code with 120.
    From version 3.13 on, Python does this even if all earlier writes to stderr failed.
    """
    try:
        sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


if __name__ == "__main__":
    sys.exit(main())
