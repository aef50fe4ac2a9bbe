"""Connects a loop that does work in a thread with the jobs that wake the loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

SLICE = 0.5
"""The number of seconds within which a waiting loop notices that it should stop."""
JOB_DELAY = 2.0
"""The number of seconds in which a job usually arrives after it was stored."""


@dataclass(frozen=True, slots=True)
class _KeptJob:
    """A job that Procrastinate treats as running until `is_done` is set."""

    event_loop: asyncio.AbstractEventLoop
    is_done: asyncio.Event

    def end(self) -> None:
        with suppress(RuntimeError):  # the event loop is closed if the connection to the database was lost
            self.event_loop.call_soon_threadsafe(self.is_done.set)


class JobWaiter:
    """Lets a loop wait for a job, and keeps this job until the loop has no more work.

    While a job is kept, Procrastinate fetches no other job for this loop, so that other jobs wake other processes.
    """

    def __init__(self, stop: threading.Event, signal_due_work: Callable[[], int]) -> None:
        """Create a waiter. `signal_due_work` stores jobs for work that is due, and returns their number."""
        self._stop, self._signal_due_work = stop, signal_due_work
        self._condition = threading.Condition()
        self._arrived: _KeptJob | None = None
        self._kept: _KeptJob | None = None

    def wait(self, seconds: float) -> None:
        """End the job that woke the loop before, and return when another job arrives or `seconds` have passed.

        If no job arrives, jobs are stored for work that is due. In this way, other workers notice work that became due,
        whose job was lost, or whose worker was killed. Raises StateError if the database cannot be used.
        """
        if self._kept is not None:
            self._kept.end()
            self._kept = None
        if not self._wait_for_job(seconds) and not self._stop.is_set() and self._signal_due_work():
            self._wait_for_job(JOB_DELAY)

    async def keep_job(self) -> None:
        """Wake the loop, and return when the loop has no more work."""
        job = _KeptJob(asyncio.get_running_loop(), asyncio.Event())
        with self._condition:
            self._arrived = job
            self._condition.notify_all()
        await job.is_done.wait()

    def _wait_for_job(self, seconds: float) -> bool:
        """Return True if a job arrived. A job that arrived while the loop was working counts as well."""
        end = time.monotonic() + seconds
        with self._condition:
            while self._arrived is None and not self._stop.is_set() and (left := end - time.monotonic()) > 0:
                self._condition.wait(min(left, SLICE))
            self._kept, self._arrived = self._arrived, None
            return self._kept is not None
