"""Ends the process of a service when a signal arrives."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING

from bot import process
from bot.model.errors import UsageError

if TYPE_CHECKING:
    from bot.serve.json_log import JsonLog
    from bot.serve.service import Service

END_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class EndSignals:
    """Receives the signals that ask this process to end.

    The handler only puts the signal into a queue. `SimpleQueue.put` is reentrant, but `threading.Event.set` is not: the
    handler interrupts the main thread, and could wait forever for a lock that this thread holds.
    """

    def __init__(self) -> None:
        """Receive the signals from now on."""
        self._received: SimpleQueue[int] = SimpleQueue()
        for number in END_SIGNALS:
            signal.signal(number, self._receive)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        self._received.put(number)

    def wait(self) -> str:
        """Wait for a signal, and return its name."""
        return signal.Signals(self._received.get()).name

    def has_another(self) -> bool:
        """Return True if a further signal arrived since the last call."""
        try:
            self._received.get_nowait()
        except Empty:
            return False
        return True


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
