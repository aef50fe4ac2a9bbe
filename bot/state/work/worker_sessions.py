"""Sessions by which PostgreSQL knows whether the process of a worker still exists.

A worker that is suspended cannot extend its claims. If another worker did the same work meanwhile, both would do it at
the same time as soon as the first one continues. Therefore each worker that has claims keeps a session, which holds a
lock. PostgreSQL ends the session when the process ends, but not while the process is suspended. A claim that was not
extended is given to another worker only if this lock is free.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, Connection, and_, cast, func, or_, select
from sqlalchemy.exc import DBAPIError

from bot.state.database import WRITER_LOCK
from bot.state.tables.work import PENDING_WORK

LONGEST_SUSPENSION = timedelta(minutes=15)
"""After this time without extension, claims end even if the session still exists.

Otherwise the work of a process that hangs would never be done. PostgreSQL may also need this time to notice that a
machine was switched off.
"""


LONGEST_CLAIM = timedelta(hours=1)
"""No claim lasts as long. A later time was written while the clock was wrong, or the row is damaged."""


class WorkerSessions:
    """The sessions of the workers of this process.

    On SQLite, there are none, and only one process does work. Its claims end with their time, which is measured
    independently of the clock of the machine, because the clock can be set.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._sessions: dict[str, Connection] = {}
        self._ends: dict[str, float] = {}
        """The time at which the claims of each worker end, on SQLite."""
        weakref.finalize(self, _close_all, self._sessions)

    def ensure_session(self, connection: Connection, worker: str, lease: timedelta) -> None:
        """Open the session of a worker, if there is none or PostgreSQL ended it. `connection` is another session."""
        if connection.dialect.name != "postgresql":
            with self._mutex:
                self._ends[worker] = time.monotonic() + lease.total_seconds()
            return
        # A session gets its lock repeatedly. If it does not get the lock, an earlier session of the worker holds it.
        lock = select(func.pg_try_advisory_lock(_build_lock_key(worker)))
        with self._mutex:
            session = self._sessions.get(worker)
            if session is not None:
                try:
                    session.execute(lock)
                except DBAPIError:  # PostgreSQL or a firewall ended the session
                    self._close(worker)
                else:
                    return
            session = connection.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._sessions[worker] = session
            session.execute(lock)

    def close_session(self, worker: str) -> None:
        """Close the session of a worker that has no claims left."""
        with self._mutex:
            self._ends.pop(worker, None)
            self._close(worker)

    def build_end_condition(self, connection: Connection, now: datetime) -> ColumnElement[bool]:
        """Return the condition that is true for rows whose claim ended without a result."""
        until, worker = PENDING_WORK.c.claimed_until, PENDING_WORK.c.worker
        has_ended = or_(until.is_(None), until <= now, until > now + LONGEST_CLAIM)
        if connection.dialect.name != "postgresql":
            with self._mutex:
                present = [each for each, end in self._ends.items() if time.monotonic() < end]
            return and_(has_ended, worker.not_in(present))
        is_process_gone = func.pg_try_advisory_xact_lock(_build_lock_key(worker))
        return and_(has_ended, or_(until <= now - LONGEST_SUSPENSION, is_process_gone))

    def _close(self, worker: str) -> None:
        session = self._sessions.pop(worker, None)
        if session is not None:
            _close_all({worker: session})


def _close_all(sessions: Mapping[str, Connection]) -> None:
    for session in sessions.values():
        session.invalidate()  # closes it without sending anything, because the server may be away
        session.close()


def _build_lock_key(worker: str | ColumnElement[str]) -> ColumnElement[int]:
    return func.hashtextextended(worker, cast(WRITER_LOCK, BigInteger))
