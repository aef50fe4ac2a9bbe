"""Wakes the loops of a process with jobs in PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

from bot.model.work import EVENT_KINDS, WorkKind
from bot.queues.job_waiter import JobWaiter
from bot.queues.procrastinate_queue import BACKGROUND_QUEUE, EVENT_QUEUE, MAX_JOBS


class JobWaking:
    """Creates the functions with which the loops of a process wait for work, and receives the jobs."""

    def __init__(
        self,
        address: str,
        signal_due_work: Callable[[Collection[WorkKind], int], int],
        report_error: Callable[[BaseException], None],
    ) -> None:
        """Prepare to wake loops with jobs in the database at `address`.

        `signal_due_work` is the method of the queue that stores jobs for due work. `report_error` receives the errors
        of lost connections.
        """
        self._address, self._signal_due_work, self._report_error = address, signal_due_work, report_error
        self._waiters: dict[str, JobWaiter] = {}

    def create_waiter(self, kinds: Collection[WorkKind], stop: threading.Event) -> Callable[[float], None]:
        """Return the function with which the loop for some kinds of work waits for jobs until `stop` is set."""
        waiter = JobWaiter(stop, lambda: self._signal_due_work(kinds, MAX_JOBS))
        self._waiters[EVENT_QUEUE if EVENT_KINDS.issuperset(kinds) else BACKGROUND_QUEUE] = waiter
        return waiter.wait

    def run(self, stop: threading.Event) -> None:
        """Receive jobs for all loops until `stop` is set."""
        from bot.queues.procrastinate_workers import ProcrastinateWorkers  # noqa: PLC0415 - it needs an extra

        ProcrastinateWorkers(self._address, self._waiters, self._report_error).run(stop)
