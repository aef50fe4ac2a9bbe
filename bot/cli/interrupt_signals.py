"""Turns the signals that ask a command to end into exceptions, and into its exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn, Self

from bot.cli.messages import write_message
from bot.model.vocabulary import ExitCode

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Termination(KeyboardInterrupt):
    """Raised in the main thread if SIGTERM arrives, for example because a job reached its time limit."""


class InterruptSignals:
    """Receives SIGINT and SIGTERM during a `with` block.

    The first signal raises KeyboardInterrupt or Termination, so that the command ends its child processes. A further
    one ends the process at once. Ignored signals remain ignored, for example SIGINT in a background job of a shell. In
    a thread that is not the main thread, the block has no effect, because only the main thread can receive signals.

    Code that the signal interrupts can replace the exception. If any exception leaves the block after a signal, the
    block raises that of the signal again. In a finalizer, Python discards the exception
    (https://docs.python.org/3/library/sys.html#sys.unraisablehook). Then the process ends at once as well, with the
    message that the command would have written.
    """

    def __init__(self) -> None:
        self._handlers: dict[signal.Signals, signal._HANDLER] = {}
        self._received: KeyboardInterrupt | None = None
        self._show_discarded = sys.unraisablehook

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            sys.unraisablehook = self._handle_discarded
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                if handler is not signal.SIG_IGN:
                    self._handlers[number] = handler
                    signal.signal(number, self._receive)
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        sys.unraisablehook = self._show_discarded
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if kind is not None and self._received is not None:
            raise self._received

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        error = Termination() if number == signal.SIGTERM else KeyboardInterrupt()
        if self._received is not None:
            _end_process(find_end(error)[1])
        self._received = error
        raise error

    def _handle_discarded(self, discarded: sys.UnraisableHookArgs) -> None:
        if not isinstance(discarded.exc_value, KeyboardInterrupt):
            self._show_discarded(discarded)
            return
        message, code = find_end(discarded.exc_value)
        write_message(message)
        sys.stderr.flush()
        _end_process(code)


def _end_process(code: ExitCode) -> NoReturn:
    """Kill the child processes, and end this process without waiting for its threads."""
    from bot.process import end_children  # most commands have no children, and need no such import

    end_children()
    os._exit(code)


def find_end(error: BaseException) -> tuple[str, ExitCode]:
    """Return the message and the exit code of a command that a signal ended, or the user at a prompt."""
    if isinstance(error, Termination):
        message = "Terminated by SIGTERM before the work was complete, for example by a time limit of the job."
        return message, ExitCode.TERMINATED
    return "Interrupted.", ExitCode.INTERRUPTED


def end_without_threads(code: int) -> None:
    """End this process at once if `code` is that of a signal, because threads may still wait for a response."""
    if code in {ExitCode.INTERRUPTED, ExitCode.TERMINATED}:
        os._exit(code)
