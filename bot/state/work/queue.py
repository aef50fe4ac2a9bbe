"""Pending work, in a database. Any number of processes can share it.

The clock of the database is used for all times, because the clocks of workers can differ.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, and_, case, delete, func, insert, or_, select, update

from bot.model.work import (
    MAX_INTERRUPTIONS,
    ClaimedWork,
    FinishedWork,
    QueueFigures,
    WorkKey,
    WorkKind,
    WorkPriority,
    WorkRequest,
)
from bot.state.database import Database
from bot.state.tables import import_dialect
from bot.state.tables.work import (
    FINISHED_WORK,
    KEY_NAMES,
    KNOWN_KINDS,
    PENDING_WORK,
    build_claimed_condition,
    build_key_values,
    parse_key,
    parse_priority,
    parse_reason,
)
from bot.state.work.no_signal import NoSignal
from bot.state.work.worker_sessions import WorkerSessions
from bot.work_ports import WorkSignal

CLOCK_TOLERANCE = timedelta(minutes=5)
"""A clock that is set back by less than this time delays work by this time at most."""
_IS_UNCLAIMED = PENDING_WORK.c.worker.is_(None)
_RELEASED: Mapping[str, Any] = {"worker": None, "claimed_until": None}
"""The values of work that no worker is doing."""
_ENDED_WORKER = "ended"
"""The worker of claims whose process ended. No worker has this name, so that the claims belong to no other process."""
_KEY_COLUMNS = [PENDING_WORK.c[name] for name in KEY_NAMES]
_Work = TypeVar("_Work", WorkRequest, ClaimedWork)


class DatabaseWorkQueue:
    """Implements `bot.work_ports.WorkQueue`. Several threads and processes can use the same database."""

    def __init__(self, database: Database, signal: WorkSignal | None = None) -> None:
        """Create a queue. `signal` wakes workers when work was stored; None if they only look from time to time."""
        self._database, self._signal = database, signal or NoSignal()
        self._sessions = WorkerSessions()

    def request_work(self, requests: Collection[WorkRequest]) -> None:
        """Store pending work. A request for work that is stored already is merged with it."""
        if not requests:
            return
        with self._database.open_for_row_writes() as connection:
            write_requests(connection, requests, self._signal)
        self._signal.send()

    def request_missing(self, requests: Collection[WorkRequest]) -> None:
        """Store pending work, except for work that is stored already.

        Work that was requested later than now is due: it was stored while the clock was wrong.
        """
        with self._open() as (connection, now):
            is_of_future = PENDING_WORK.c.requested_at > now + CLOCK_TOLERANCE
            at_once = {"requested_at": now, "due_at": now, "latest_due_at": now}
            connection.execute(update(PENDING_WORK).where(is_of_future).values(at_once))
            insert_into = import_dialect(connection).insert(PENDING_WORK)
            stored: dict[WorkKey, WorkPriority] = {}
            for request in sort_by_key(requests):
                statement = insert_into.values(_build_pending_row(request, now)).on_conflict_do_nothing()
                if connection.execute(statement.returning(PENDING_WORK.c.kind)).first() is not None:
                    stored[request.key] = request.priority
            self._signal.store(connection, stored)
        self._signal.send()

    def claim_work(
        self,
        worker: str,
        kinds: Collection[WorkKind],
        limit: int,
        lease: timedelta,
        least_priority: WorkPriority = WorkPriority.SWEEP,
    ) -> Sequence[ClaimedWork]:
        """Return work of some kinds that is due, and reserve it for `worker` until `lease` has passed.

        Work that was interrupted is returned alone, because it may end the process.
        """
        with self._open() as (connection, now):
            is_claimable = and_(
                self._build_claimable_condition(connection, kinds, now), PENDING_WORK.c.priority >= least_priority
            )
            first = self._select_claimable(connection, is_claimable, 1)
            if not first:
                return ()
            rows = first
            if not _count_interruptions(first[0]):
                is_alike = and_(
                    is_claimable,
                    *(_IS_UNCLAIMED, PENDING_WORK.c.interruptions == 0),
                    *(PENDING_WORK.c.kind == first[0].kind, PENDING_WORK.c.priority == first[0].priority),
                )
                rows = self._select_claimable(connection, is_alike, limit)
            self._sessions.ensure_session(connection, worker, lease)
            for row in rows:
                values = {"worker": worker, "claimed_version": row.version, "claimed_until": now + lease}
                values["interruptions"] = _count_interruptions(row)
                connection.execute(update(PENDING_WORK).where(*_has_key_of(row)).values(values))
        return tuple(_build_claim(row) for row in rows)

    def _build_claimable_condition(
        self, connection: Connection, kinds: Collection[WorkKind], now: datetime
    ) -> ColumnElement[bool]:
        """Return the condition that is true for rows that a worker can claim."""
        return and_(
            PENDING_WORK.c.kind.in_([each.value for each in kinds]),
            PENDING_WORK.c.due_at <= now,
            or_(_IS_UNCLAIMED, self._sessions.build_end_condition(connection, now)),
        )

    def _select_claimable(
        self, connection: Connection, condition: ColumnElement[bool], limit: int
    ) -> Sequence[Row[Any]]:
        """Return the first rows. On PostgreSQL, rows that another worker is claiming are skipped."""
        order = (PENDING_WORK.c.priority.desc(), PENDING_WORK.c.requested_at)
        query = select(PENDING_WORK).where(condition).order_by(*order).limit(limit)
        return connection.execute(query.with_for_update(skip_locked=True)).all()

    def extend_claims(self, worker: str, claimed: Collection[ClaimedWork], lease: timedelta) -> Collection[ClaimedWork]:
        """Let the claims of a worker end after `lease` from now. Return the claims that another worker took over."""
        lost = []
        with self._open() as (connection, now):
            self._sessions.ensure_session(connection, worker, lease)
            for each in sort_by_key(claimed):
                extended = update(PENDING_WORK).where(*_is_claim(worker, each)).values(claimed_until=now + lease)
                if not connection.execute(extended).rowcount:
                    lost.append(each)
        return lost

    def finish_work(
        self, worker: str, claimed: ClaimedWork, finished: FinishedWork, repeat_after: timedelta | None = None
    ) -> None:
        """Remove a piece of work, or let it be repeated, and store the record of what was done."""
        with self._open() as (connection, now):
            is_claim = _is_claim(worker, claimed)
            is_unchanged = (*is_claim, PENDING_WORK.c.version == claimed.version)
            released = {**_RELEASED, "attempts": 0, "error": None, "interruptions": 0, "requested_at": now}
            if repeat_after is None:
                connection.execute(delete(PENDING_WORK).where(*is_unchanged))
            else:
                due = {"due_at": now + repeat_after, "latest_due_at": now + repeat_after}
                connection.execute(update(PENDING_WORK).where(*is_unchanged).values(**released, **due))
            # This changes the row only if further requests arrived. It does nothing if the claim ended.
            connection.execute(update(PENDING_WORK).where(*is_claim).values(released))
            connection.execute(insert(FINISHED_WORK).values(_build_finished_row(finished)))

    def postpone_work(self, worker: str, claimed: ClaimedWork, delay: timedelta, error: str | None) -> None:
        with self._open() as (connection, now):
            values = {
                **_RELEASED,
                "due_at": now + delay,
                "latest_due_at": now + delay,
                "attempts": claimed.attempts + (error is not None),
                "error": error,
                "interruptions": 0,
            }
            connection.execute(update(PENDING_WORK).where(*_is_claim(worker, claimed)).values(values))

    def delay_work(self, worker: str, claimed: ClaimedWork, delay: timedelta) -> None:
        """End a claim on work that was not begun. The work is due again after `delay`."""
        with self._open() as (connection, now):
            values = {**_RELEASED, "due_at": now + delay, "latest_due_at": now + delay}
            connection.execute(update(PENDING_WORK).where(*_is_claim(worker, claimed)).values(values))

    def release_claims(self, worker: str) -> None:
        with self._open() as (connection, _):
            own = select(PENDING_WORK).where(PENDING_WORK.c.worker == worker).order_by(*_KEY_COLUMNS).with_for_update()
            rows = connection.execute(own).all()
            for row in rows:
                connection.execute(update(PENDING_WORK).where(*_has_key_of(row)).values(_RELEASED))
            self._signal.store(connection, _build_signals(rows))
        self._sessions.close_session(worker)
        self._signal.send()

    def interrupt_claims(self, worker: str) -> None:
        with self._open() as (connection, _):
            ended = {"worker": _ENDED_WORKER, "claimed_until": None}
            connection.execute(update(PENDING_WORK).where(PENDING_WORK.c.worker == worker).values(ended))

    def signal_due_work(self, kinds: Collection[WorkKind], limit: int) -> int:
        """Store signals for work of some kinds that is due, for at most `limit` pieces of work. Return their number.

        Other processes do not notice without a signal that a time came, or that the process of a worker was killed.
        """
        with self._open() as (connection, now):
            due = self._build_claimable_condition(connection, kinds, now)
            rows = self._select_claimable(connection, due, limit)
            self._signal.store(connection, _build_signals(rows))
        self._signal.send()
        return len(rows)

    def compute_figures(
        self, kinds: Collection[WorkKind] = tuple(WorkKind), least_priority: WorkPriority = WorkPriority.SWEEP
    ) -> QueueFigures:
        with self._database.open_for_reading() as connection:
            now = read_time(connection)
            is_claimed = build_claimed_condition(now)
            is_waiting = ~is_claimed
            is_due = and_(is_waiting, PENDING_WORK.c.due_at <= now)
            columns = (
                func.count().filter(is_waiting),
                func.count().filter(is_due),
                func.count().filter(is_claimed),
                func.min(PENDING_WORK.c.due_at).filter(is_waiting),
            )
            query = select(*columns).where(
                PENDING_WORK.c.kind.in_([each.value for each in kinds]), PENDING_WORK.c.priority >= least_priority
            )
            waiting, due, claimed, next_due = connection.execute(query).one()
        return QueueFigures(
            waiting,
            due,
            claimed,
            max(now - next_due, timedelta()) if next_due is not None else timedelta(),
            max(next_due - now, timedelta()) if next_due is not None else None,
        )

    @contextmanager
    def _open(self) -> Iterator[tuple[Connection, datetime]]:
        """Open a transaction that can run beside others, and read the clock of the database."""
        with self._database.open_for_row_writes() as connection:
            yield connection, read_time(connection)


def read_time(connection: Connection) -> datetime:
    """Return the time of the database. SQLite has no server, so that it is the time of this machine."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    moment: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    return moment.astimezone(UTC)


def sort_by_key(work: Iterable[_Work]) -> list[_Work]:
    """Return pieces of work in the order in which all transactions lock their rows.

    If transactions locked rows in different orders, PostgreSQL would have to end one of them because of a deadlock.
    """
    return sorted(work, key=lambda each: tuple(build_key_values(each.key).values()))


def write_requests(connection: Connection, requests: Collection[WorkRequest], signal: WorkSignal) -> None:
    """Store pending work in an open transaction, with the signal that wakes workers after its end.

    Requests for the same work are merged.
    """
    now = read_time(connection)
    dialect = import_dialect(connection)
    smaller = func.min if connection.dialect.name == "sqlite" else func.least
    greater = func.max if connection.dialect.name == "sqlite" else func.greatest
    for request in sort_by_key(requests):
        statement = dialect.insert(PENDING_WORK).values(_build_pending_row(request, now))
        new, old = statement.excluded, PENDING_WORK.c
        latest = smaller(old.latest_due_at, new.latest_due_at)
        # A sweep requests everything that is not settled, so it must not shorten the wait after a failure. No request
        # shortens the wait of work that probably makes its processes end.
        keeps_due_time = or_(
            and_(old.attempts > 0, new.priority == WorkPriority.SWEEP), old.interruptions >= MAX_INTERRUPTIONS
        )
        # The worker that is doing the work has the time of the earlier push, so the first new request replaces it.
        is_first_during_claim = and_(old.worker.is_not(None), old.version == old.claimed_version)
        values = {
            "priority": greater(old.priority, new.priority),
            "reason": case((new.priority > old.priority, new.reason), else_=old.reason),
            "version": old.version + 1,
            "due_at": case((keeps_due_time, old.due_at), else_=smaller(new.due_at, latest)),
            "latest_due_at": case((keeps_due_time, old.latest_due_at), else_=latest),
            "pushed_at": case(
                (is_first_during_claim, new.pushed_at), else_=func.coalesce(old.pushed_at, new.pushed_at)
            ),
        }
        connection.execute(statement.on_conflict_do_update(index_elements=_KEY_COLUMNS, set_=values))
    signal.store(connection, {each.key: each.priority for each in sorted(requests, key=lambda each: each.priority)})


def _build_pending_row(request: WorkRequest, now: datetime) -> dict[str, Any]:
    return {
        **build_key_values(request.key),
        "priority": request.priority.value,
        "reason": request.reason.value,
        "trace": request.trace,
        "version": 1,
        "requested_at": now,
        "due_at": now + request.delay,
        "latest_due_at": now + (request.longest_delay if request.longest_delay is not None else request.delay),
        "pushed_at": request.pushed_at,
        "attempts": 0,
        "interruptions": 0,
    }


def _build_finished_row(finished: FinishedWork) -> dict[str, Any]:
    return {
        **build_key_values(finished.key),
        "trace": finished.trace,
        "reason": finished.reason.value,
        "started_at": finished.started_at,
        "ended_at": finished.ended_at,
        "result": finished.result,
        "is_failure": finished.is_failure,
        "opened": finished.opened,
        "pushed_at": finished.pushed_at,
    }


def _has_key_of(row: Row[Any]) -> list[ColumnElement[bool]]:
    return [PENDING_WORK.c[name] == getattr(row, name) for name in KEY_NAMES]


def _is_claim(worker: str, claimed: ClaimedWork) -> list[ColumnElement[bool]]:
    """Return the conditions that are true for the row of a claim, unless another worker claimed it since."""
    conditions = [PENDING_WORK.c[name] == value for name, value in build_key_values(claimed.key).items()]
    return [*conditions, PENDING_WORK.c.worker == worker, PENDING_WORK.c.claimed_version == claimed.version]


def _build_signals(rows: Iterable[Row[Any]]) -> dict[WorkKey, WorkPriority]:
    """Return the work in rows with its priorities. Kinds that only a later release knows are left out."""
    return {parse_key(each): parse_priority(each) for each in rows if each.kind in KNOWN_KINDS}


def _build_claim(row: Row[Any]) -> ClaimedWork:
    return ClaimedWork(
        parse_key(row),
        parse_priority(row),
        parse_reason(row),
        row.trace,
        row.version,
        row.attempts,
        row.requested_at,
        row.pushed_at,
        _count_interruptions(row),
        was_interrupted=row.worker is not None,
    )


def _count_interruptions(row: Row[Any]) -> int:
    """Return how many claims on work that can be claimed ended in a row without a result.

    The last one is not counted in the row yet if the row still names its worker.
    """
    count: int = row.interruptions
    return count + (row.worker is not None)
