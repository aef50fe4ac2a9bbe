"""Wakes workers in other processes through PostgreSQL, with jobs of the library Procrastinate.

A job contains no work. It only wakes a worker, which then claims pending work from basebump's own table until no work
is due. Therefore a job that is lost, repeated or late does no harm:

- Jobs have no `lock`, because a killed worker's job would block all later jobs with the same lock.
- Jobs are never retried. Procrastinate cannot retry a job while another job with the same queueing lock waits.
- Jobs are never scheduled. basebump's own table contains the time at which work is due, and workers query the table.
- Each process removes the jobs of killed workers itself, with a clock that does not jump. This needs no job.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, bindparam, make_url, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from bot.model.errors import StateError
from bot.model.work import EVENT_KINDS, WorkKey, WorkPriority

if TYPE_CHECKING:
    from procrastinate import App

EVENT_QUEUE, BACKGROUND_QUEUE = "events", "background"
"""The queues of jobs: one for work for which a user may be waiting, and one for work that can take minutes."""
TASK = "wake_worker"
MAX_JOBS = 100
"""The maximum number of jobs that are stored at once. Each job keeps a worker awake until no work is due. A job for
each of ten thousand repositories would therefore only cost time."""

_FIND_JOBS = text(
    "SELECT queueing_lock FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock = ANY(:locks) FOR UPDATE"
).bindparams(bindparam("locks", type_=ARRAY(Text)))


class PostgresqlSignal:
    """Stores jobs that wake workers in other processes. Implements `bot.work_ports.WorkSignal`."""

    def store(self, connection: Connection, work: Mapping[WorkKey, WorkPriority]) -> None:
        """Store a job for each piece of work that has no job. Raises StateError if the jobs cannot be stored.

        The caller must have locked the rows of the work, so that no other transaction stores jobs for the same work.
        This method locks the existing jobs, so that no worker takes one of them before the rows are visible.
        """
        urgent_first = sorted(work.items(), key=lambda each: (-each[1], _build_lock(each[0])))[:MAX_JOBS]
        found = connection.execute(_FIND_JOBS, {"locks": [_build_lock(key) for key, _ in urgent_first]})
        existing = set(found.scalars())
        self._store_jobs(connection, {key: each for key, each in urgent_first if _build_lock(key) not in existing})

    def send(self) -> None:
        """Do nothing, because the transaction has already stored the jobs."""

    def _store_jobs(self, connection: Connection, work: Mapping[WorkKey, WorkPriority]) -> None:
        from procrastinate.exceptions import ProcrastinateException  # noqa: PLC0415 - only this queue needs it
        from procrastinate.jobs import Job  # noqa: PLC0415 - as above

        jobs = [
            Job(
                id=None,
                queue=find_queue(key),
                lock=None,
                queueing_lock=_build_lock(key),
                task_name=TASK,
                priority=priority.value,
            )
            for key, priority in work.items()
        ]
        if not jobs:
            return
        try:
            self._app.job_manager.batch_defer_jobs(jobs, connection=connection.connection.driver_connection)
        except ProcrastinateException as error:
            cause = error.__cause__ or error
            raise StateError(
                f"cannot wake workers: {type(cause).__name__}; hint: make sure that the tables of Procrastinate are "
                "those that basebump created"
            ) from error

    @cached_property
    def _app(self) -> App:
        return create_app("postgresql://")  # the app only uses the connections of callers


def create_app(address: str, **options: Any) -> App:
    """Return a Procrastinate application for a database, without tasks.

    `options` are those of a pool of connections.
    """
    import procrastinate  # noqa: PLC0415 - only this queue needs it

    # Procrastinate logs each failed attempt to reach the database with a stack trace. The service has its own log.
    logging.getLogger("procrastinate").setLevel(logging.CRITICAL + 1)
    url = make_url(address).set(drivername="postgresql")  # without SQLAlchemy's driver name
    connector = procrastinate.PsycopgConnector(conninfo=url.render_as_string(hide_password=False), **options)
    return procrastinate.App(connector=connector)


def find_queue(key: WorkKey) -> str:
    """Return the queue of the jobs for a piece of work."""
    return EVENT_QUEUE if key.kind in EVENT_KINDS else BACKGROUND_QUEUE


def _build_lock(key: WorkKey) -> str:
    """Return the queueing lock, which ensures that a piece of work has at most one job."""
    return repr(key)
