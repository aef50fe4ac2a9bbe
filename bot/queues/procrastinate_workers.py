"""Receives the jobs in PostgreSQL that wake the loops of a process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping

from procrastinate import App, JobContext
from procrastinate.exceptions import ProcrastinateException
from procrastinate.jobs import Status

from bot.queues.job_waiter import JobWaiter
from bot.queues.procrastinate_queue import TASK, create_app

HEARTBEAT = 10.0
"""Seconds between two heartbeats of a process."""
LONGEST_SILENCE = 40.0
"""Seconds without a heartbeat after which the jobs of a process are removed."""
REMOVAL_INTERVAL = 30.0
"""Seconds between two searches for jobs of killed processes."""
POLL_INTERVAL = 5.0
"""Seconds between two searches for new jobs. They are needed if a notification is lost."""
RECONNECT_DELAY = 2.0
"""Seconds to wait before the next attempt if the database could not be reached."""
MAX_CONNECTIONS = 3
"""The maximum number of connections for queries. Each queue has one additional connection for notifications."""


class ProcrastinateWorkers:
    """Procrastinate's workers of one process: one for each loop."""

    def __init__(
        self, address: str, waiters: Mapping[str, JobWaiter], report_error: Callable[[BaseException], None]
    ) -> None:
        """Create the workers.

        `waiters` contains one waiter for each queue. `report_error` receives errors of the database.
        """
        self._address, self._waiters, self._report_error = address, waiters, report_error

    def run(self, stop: threading.Event) -> None:
        """Receive jobs until `stop` is set. If the database cannot be reached, try again and again."""
        asyncio.run(self._run(stop))

    async def _run(self, stop: threading.Event) -> None:
        stopping = asyncio.create_task(asyncio.to_thread(stop.wait))
        while not stop.is_set():
            receiving = asyncio.create_task(self._receive())
            await asyncio.wait({receiving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            receiving.cancel()
            [error] = await asyncio.gather(receiving, return_exceptions=True)
            if error is not None and not stop.is_set():
                self._report_error(error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error)
                await asyncio.wait({stopping}, timeout=RECONNECT_DELAY)

    async def _receive(self) -> None:
        """Receive jobs until the database cannot be reached, and then raise an exception."""
        app = create_app(self._address, min_size=1, max_size=MAX_CONNECTIONS)
        app.task(name=TASK, pass_context=True)(self._keep_job)
        async with app.open_async(), asyncio.TaskGroup() as group:
            for queue in self._waiters:
                group.create_task(_receive_from(app, queue))
            group.create_task(_remove_dead_jobs(app))

    async def _keep_job(self, context: JobContext) -> None:
        await self._waiters[context.job.queue].keep_job()


async def _receive_from(app: App, queue: str) -> None:
    await app.run_worker_async(
        queues=[queue],
        concurrency=1,
        delete_jobs="always",
        fetch_job_polling_interval=POLL_INTERVAL,
        update_heartbeat_interval=HEARTBEAT,
        stalled_worker_timeout=LONGEST_SILENCE,
        shutdown_graceful_timeout=0,  # the loop ends its work itself, and needs no job for this
        install_signal_handlers=False,
    )
    raise ConnectionError("the connection for notifications was closed")


async def _remove_dead_jobs(app: App) -> None:
    """Remove the jobs of killed processes at regular intervals.

    The jobs are not retried, because the claims on their work expire, and the work then gets new jobs. basebump does
    not use a periodic task of Procrastinate for this, because the task would wait behind other jobs, and would depend
    on the clocks of the workers.
    """
    while True:
        for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=LONGEST_SILENCE):
            if job.id is not None:
                try:
                    await app.job_manager.finish_job_by_id_async(job.id, Status.FAILED, delete_job=True)
                except ProcrastinateException:  # another process removed the job at the same time
                    continue
        await asyncio.sleep(REMOVAL_INTERVAL)
