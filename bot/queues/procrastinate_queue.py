"""Wakes workers in other processes through PostgreSQL, with jobs of Procrastinate.

A job contains no work. It only wakes a worker, which then claims pending work from our own table until nothing is due.
Therefore a job that is lost, repeated or late does no harm, and its fate decides nothing:

- Jobs have no `lock`. Otherwise a job of a killed worker would stop all later jobs with the same lock.
- Jobs are never retried. Procrastinate cannot retry a job if another one with the same queueing lock waits.
- Jobs are never scheduled. The time at which work is due is in our table, and workers look there when it comes.
- No job is needed to remove the jobs of killed workers. Each process does so, with a clock that does not jump.
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
"""The queues of jobs: one for work that somebody may be waiting for, and one for work that can take minutes."""
TASK = "wake_worker"
MAX_JOBS = 100
"""The maximum number of jobs that are stored at once. Each of them keeps a worker awake until nothing is due, so that a
job for each of ten thousand repositories would only cost time."""

_FIND_JOBS = text(
    "SELECT queueing_lock FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock = ANY(:locks) FOR UPDATE"
).bindparams(bindparam("locks", type_=ARRAY(Text)))


class PostgresqlSignal:
    """Implements `bot.work_ports.WorkSignal` for workers in other processes."""

    def store(self, connection: Connection, work: Mapping[WorkKey, WorkPriority]) -> None:
        """Store a job for each piece of work that has none. Raises StateError.

        The caller has locked the rows of the work, so that no other transaction stores jobs for it at the same time.
        The jobs that exist are locked, so that no worker takes one of them before the rows can be seen.
        """
        urgent_first = sorted(work.items(), key=lambda each: (-each[1], _build_lock(each[0])))[:MAX_JOBS]
        found = connection.execute(_FIND_JOBS, {"locks": [_build_lock(key) for key, _ in urgent_first]})
        existing = set(found.scalars())
        self._store_jobs(connection, {key: each for key, each in urgent_first if _build_lock(key) not in existing})

    def send(self) -> None:
        """Do nothing, because the transaction has stored the signal."""

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
        return create_app("postgresql://")  # it only uses the connections of callers


def create_app(address: str, **options: Any) -> App:
    """Return an application of Procrastinate for a database. It has no tasks.

    `options` are those of a pool of connections.
    """
    import procrastinate  # noqa: PLC0415 - only this queue needs it

    # Procrastinate logs each failed attempt to reach the database with its stack. The service has its own log.
    logging.getLogger("procrastinate").setLevel(logging.CRITICAL + 1)
    url = make_url(address).set(drivername="postgresql")  # without the name of SQLAlchemy's driver
    connector = procrastinate.PsycopgConnector(conninfo=url.render_as_string(hide_password=False), **options)
    return procrastinate.App(connector=connector)


def find_queue(key: WorkKey) -> str:
    """Return the queue of the jobs for a piece of work."""
    return EVENT_QUEUE if key.kind in EVENT_KINDS else BACKGROUND_QUEUE


def _build_lock(key: WorkKey) -> str:
    """Return the queueing lock by which a piece of work has one job at most."""
    return repr(key)
