"""Wakes the worker threads of the process that stored work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from sqlalchemy import Connection

from bot.model.work import WorkKey, WorkPriority


class ThreadSignal:
    """Wakes workers that are threads of this process. Implements `bot.work_ports.WorkSignal`."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._sent_count = 0

    def store(self, connection: Connection, work: Mapping[WorkKey, WorkPriority]) -> None:
        """Do nothing, because no thread can see the work before the transaction ends."""

    def send(self) -> None:
        """Wake all waiting threads."""
        with self._condition:
            self._sent_count += 1
            self._condition.notify_all()

    def create_waiter(self) -> Callable[[float], None]:
        """Return a function with which one thread waits for a signal, for at most the given number of seconds.

        The function returns immediately if a signal was sent since its last call, so that no signal is missed between
        two calls.
        """
        seen_count = self._sent_count

        def wait(seconds: float) -> None:
            nonlocal seen_count
            with self._condition:
                self._condition.wait_for(lambda: self._sent_count != seen_count, seconds)
                seen_count = self._sent_count

        return wait
