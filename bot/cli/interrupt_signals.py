"""Turns the signals that ask a command to end into exceptions, and into its exit code."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Self

from bot.model.vocabulary import ExitCode

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Termination(KeyboardInterrupt):
    """Raised in the main thread if SIGTERM arrives, for example because a job reached its time limit."""


class InterruptSignals:
    """Receives SIGINT and SIGTERM during a `with` block.

    The first signal raises KeyboardInterrupt or Termination, so that the command ends its child processes. A further
    one ends the process at once. Ignored signals remain ignored, for example SIGINT in a background job of a shell. In
    a thread that is not the main thread, the block has no effect, because only the main thread can receive signals.
    """

    def __init__(self) -> None:
        self._handlers: dict[signal.Signals, signal._HANDLER] = {}
        self._has_received = False

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                if handler is not signal.SIG_IGN:
                    self._handlers[number] = handler
                    signal.signal(number, self._receive)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if self._has_received:
            from bot.process import end_children  # most commands have no children, and need no such import

            end_children()
            os._exit(_get_exit_code(number))
        self._has_received = True
        raise Termination if number == signal.SIGTERM else KeyboardInterrupt


def _get_exit_code(number: int) -> ExitCode:
    return ExitCode.TERMINATED if number == signal.SIGTERM else ExitCode.INTERRUPTED


def find_end(error: BaseException) -> tuple[str, ExitCode]:
    """Return the message and the exit code of a command that a signal or the user ended.

    `error` is a KeyboardInterrupt, or click's Abort, whose cause is a KeyboardInterrupt if a signal arrived.
    """
    if isinstance(error, Termination) or isinstance(error.__cause__, Termination):
        message = "Terminated by SIGTERM before the work was complete, for example by a time limit of the job."
        return message, ExitCode.TERMINATED
    return "Interrupted.", ExitCode.INTERRUPTED


def end_without_threads(code: int) -> None:
    """End this process at once if `code` is that of a signal, because threads may still wait for a response."""
    if code in {ExitCode.INTERRUPTED, ExitCode.TERMINATED}:
        os._exit(code)
