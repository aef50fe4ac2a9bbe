"""Ends the process of a service when a signal arrives."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from bot import process
from bot.model.errors import UsageError

if TYPE_CHECKING:
    from bot.serve.json_log import JsonLog
    from bot.serve.service import Service

END_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_MAX_SIGNALS = 4096
"""The maximum number of signals that are read at once."""


class EndSignals:
    """Receives the signals that ask this process to end.

    The main thread waits for bytes in a pair of sockets. Python writes the number of each signal to it at once, in
    whichever thread the signal arrives (https://docs.python.org/3/library/signal.html#signal.set_wakeup_fd). A handler
    runs only in the main thread, and would have to wait until a blocking call of this thread ends.
    """

    def __init__(self) -> None:
        """Receive the signals from now on."""
        self._receiver, self._sender = socket.socketpair()
        self._sender.settimeout(0)
        signal.set_wakeup_fd(self._sender.fileno(), warn_on_full_buffer=False)
        for number in END_SIGNALS:
            signal.signal(number, _ignore)  # without a handler, the signal would end the process

    def wait(self) -> str:
        """Wait for a signal, and return its name."""
        self._receiver.settimeout(None)
        while (number := self._receiver.recv(1)[0]) not in END_SIGNALS:
            pass
        return signal.Signals(number).name

    def has_another(self) -> bool:
        """Return True if a further signal arrived since the last call."""
        self._receiver.settimeout(0)
        try:
            return any(number in END_SIGNALS for number in self._receiver.recv(_MAX_SIGNALS))
        except BlockingIOError:
            return False


def _ignore(_number: int, _frame: FrameType | None) -> None:
    pass


@contextmanager
def explain_address(address: tuple[str, int], setting: str) -> Iterator[None]:
    """Raise UsageError if a server cannot listen on an address. The hint names the key or option of the address."""
    try:
        yield
    except OSError as error:
        host, port = address
        raise UsageError(
            f"cannot listen on {host}:{port}: {error.strerror}; hint: set `{setting}` to an address of this machine "
            "and a free port"
        ) from error


def run_until_signal(service: Service, log: JsonLog, **options: str) -> None:
    """Let a service run until a signal arrives, and then end it. `options` are written to the log."""
    signals = EndSignals()
    log.write("started", **options)
    log.write("stopping", signal=signals.wait())
    is_complete = service.stop(signals.has_another)
    log.write("stopped", gave_back_work=not is_complete)
    if not is_complete:
        end_at_once()


def end_at_once() -> None:
    """End this process with exit code 0, together with its children, without waiting for its threads.

    A normal exit would wait for the threads of a pool, which can wait for a slow server for minutes.
    """
    process.end_children()
    os._exit(0)
