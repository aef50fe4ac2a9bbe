"""The records of deliveries and of finished work, in a database."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, or_, select, update

from bot.model.delivery import Delivery, DeliveryOutcome
from bot.model.work import FinishedWork, PendingWork, WorkRequest
from bot.state.database import Database
from bot.state.documents import parse_texts
from bot.state.tables import import_dialect
from bot.state.tables.work import (
    DELIVERIES,
    FINISHED_WORK,
    KNOWN_KINDS,
    KNOWN_OUTCOMES,
    PENDING_WORK,
    parse_key,
    parse_priority,
    parse_reason,
)
from bot.state.work.no_signal import NoSignal
from bot.state.work.queue import read_time, write_requests
from bot.work_ports import WorkSignal

MAX_RECORDS = 500_000
"""The maximum number of deliveries, and of records of work. A sender that reports events without end fills no disk."""


class DatabaseServiceLog:
    """Records of deliveries and of work that was done. Every method raises StateError.

    Several threads and processes can use the same database.
    """

    def __init__(self, database: Database, signal: WorkSignal | None = None) -> None:
        """Create a log. `signal` wakes workers when work was stored; None if they only look from time to time."""
        self._database, self._signal = database, signal or NoSignal()

    def record_delivery(self, delivery: Delivery, requests: Collection[WorkRequest]) -> bool:
        """Store a delivery together with the work that it leads to, in one transaction.

        Returns:
            False if the same delivery was stored before. Then only its repetition is counted.
        """
        row = {
            "sender": delivery.sender,
            "delivery": delivery.id,
            "received_at": delivery.received_at,
            "outcome": delivery.outcome.value,
            "trace": delivery.trace,
            "subjects": json.dumps(delivery.subjects),
            "repeats": 0,
        }
        with self._database.open_for_row_writes() as connection:
            statement = import_dialect(connection).insert(DELIVERIES).values(row)
            inserted = statement.on_conflict_do_nothing().returning(DELIVERIES.c.sender)
            is_new = connection.execute(inserted).first() is not None
            if is_new:
                write_requests(connection, requests, self._signal)
            else:
                is_same = (DELIVERIES.c.sender == delivery.sender, DELIVERIES.c.delivery == delivery.id)
                connection.execute(update(DELIVERIES).where(*is_same).values(repeats=DELIVERIES.c.repeats + 1))
        if is_new and requests:
            self._signal.send()
        return is_new

    def list_deliveries(self, limit: int) -> Sequence[Delivery]:
        """Return the newest deliveries, the newest first."""
        with self._database.open_for_reading() as connection:
            query = select(DELIVERIES).where(DELIVERIES.c.outcome.in_(KNOWN_OUTCOMES))
            newest = query.order_by(DELIVERIES.c.received_at.desc()).limit(limit)
            return tuple(
                Delivery(
                    row.sender,
                    row.delivery,
                    row.received_at,
                    DeliveryOutcome(row.outcome),
                    row.trace,
                    parse_texts(row.subjects),
                    row.repeats,
                )
                for row in connection.execute(newest)
            )

    def list_pending(self, limit: int) -> Sequence[PendingWork]:
        """Return pending work in the order in which it will be done."""
        order = (PENDING_WORK.c.priority.desc(), PENDING_WORK.c.requested_at)
        with self._database.open_for_reading() as connection:
            now = read_time(connection)
            query = select(PENDING_WORK).where(PENDING_WORK.c.kind.in_(KNOWN_KINDS)).order_by(*order).limit(limit)
            return tuple(build_pending_work(row, now) for row in connection.execute(query))

    def list_finished(self, limit: int) -> Sequence[FinishedWork]:
        """Return the newest records of work, the newest first."""
        order = (FINISHED_WORK.c.ended_at.desc(), FINISHED_WORK.c.id.desc())
        query = select(FINISHED_WORK).where(FINISHED_WORK.c.kind.in_(KNOWN_KINDS)).order_by(*order).limit(limit)
        with self._database.open_for_reading() as connection:
            return tuple(
                FinishedWork(
                    parse_key(row),
                    row.trace,
                    parse_reason(row),
                    row.started_at,
                    row.ended_at,
                    row.result,
                    row.is_failure,
                    row.opened,
                    row.pushed_at,
                )
                for row in connection.execute(query)
            )

    def find_last_sweep(self) -> datetime | None:
        """Return the end of the last sweep that did not fail; None if there is none."""
        is_sweep = (FINISHED_WORK.c.kind == "sweep", ~FINISHED_WORK.c.is_failure)
        with self._database.open_for_reading() as connection:
            moment: datetime | None = connection.execute(
                select(func.max(FINISHED_WORK.c.ended_at)).where(*is_sweep)
            ).scalar_one()
            return moment

    def delete_records(self, before: datetime) -> None:
        """Delete deliveries and records of work that are older than `before`, and the oldest beyond MAX_RECORDS."""
        with self._database.open_for_row_writes() as connection:
            for at in (DELIVERIES.c.received_at, FINISHED_WORK.c.ended_at):
                newest = select(at).order_by(at.desc()).offset(MAX_RECORDS).limit(1)
                connection.execute(delete(at.table).where(or_(at < before, at <= newest.scalar_subquery())))


def build_pending_work(row: Row[Any], now: datetime) -> PendingWork:
    """Return a row of pending work. `now` is the time of the database, which decides whether a claim has ended."""
    return PendingWork(
        parse_key(row),
        parse_priority(row),
        parse_reason(row),
        row.trace,
        row.requested_at,
        row.due_at,
        row.worker if row.claimed_until is not None and row.claimed_until > now else None,
        row.attempts,
        row.error,
        row.interruptions,
    )
