"""The end of a process that runs until a signal arrives."""

from __future__ import annotations

import os
import signal
from queue import Empty, SimpleQueue
from types import FrameType

from bot import process

END_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class EndSignals:
    """Receives the signals that ask this process to end.

    The handler only puts the signal into a queue. If it set a `threading.Event` for which the main thread waits, both
    could wait for the same lock, because the handler interrupts the main thread (`SimpleQueue.put` is reentrant).
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


def end_at_once() -> None:
    """End this process with exit code 0, together with its children, without waiting for its threads.

    Python would wait for the threads of a pool, which may wait for a slow server for minutes.
    """
    process.end_children()
    os._exit(0)
