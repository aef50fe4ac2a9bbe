"""Summarises the records of the service, for its pages and its API."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, case, func, select

from bot.model.delivery import DeliveryOutcome
from bot.model.service_health import HostSummary, SenderSummary, WorkerSummary
from bot.model.work import PendingWork, WorkKind
from bot.state.database import Database
from bot.state.tables.work import (
    DELIVERIES,
    FINISHED_WORK,
    KNOWN_KINDS,
    KNOWN_OUTCOMES,
    PENDING_WORK,
    build_claimed_condition,
)
from bot.state.work.queue import read_time
from bot.state.work.service_log import build_pending_work

MAX_FAILURES = 200
"""The number of failures that are read to find the last one of each host."""
_IS_KNOWN = PENDING_WORK.c.kind.in_(KNOWN_KINDS)
_IS_TAG = FINISHED_WORK.c.kind == WorkKind.TAG.value
_HAS_HOST = FINISHED_WORK.c.kind.in_([each.value for each in (WorkKind.TAG, WorkKind.VISIT, WorkKind.POLL)])


class DatabaseServiceReader:
    """Summarises the records of the service. Every method raises StateError.

    Several threads and processes can use the same database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_running(self, limit: int) -> Sequence[PendingWork]:
        """Return the work that workers are doing, the oldest first."""
        with self._database.open_for_reading() as connection:
            now = read_time(connection)
            query = (
                select(PENDING_WORK)
                .where(build_claimed_condition(now), _IS_KNOWN)
                .order_by(PENDING_WORK.c.requested_at)
            )
            return tuple(build_pending_work(row, now) for row in connection.execute(query.limit(limit)))

    def list_failing(self, limit: int) -> Sequence[PendingWork]:
        """Return pending work whose last attempt failed or was interrupted, beginning with the most attempts."""
        attempts = PENDING_WORK.c.attempts + PENDING_WORK.c.interruptions
        with self._database.open_for_reading() as connection:
            now = read_time(connection)
            query = select(PENDING_WORK).where(attempts > 0, _IS_KNOWN)
            first = query.order_by(attempts.desc(), PENDING_WORK.c.due_at).limit(limit)
            return tuple(build_pending_work(row, now) for row in connection.execute(first))

    def summarise_senders(self) -> Sequence[SenderSummary]:
        """Return a summary for each sender with a delivery, sorted by name."""
        sender, outcome = DELIVERIES.c.sender, DELIVERIES.c.outcome
        last, repeats = func.max(DELIVERIES.c.received_at).label("last_at"), func.sum(DELIVERIES.c.repeats)
        counts = (func.count().label("all_count"), last, repeats.label("repeat_count"))
        query = select(sender, outcome, *counts).where(outcome.in_(KNOWN_OUTCOMES)).group_by(sender, outcome)
        by_sender: dict[str, list[Row[Any]]] = defaultdict(list)
        with self._database.open_for_reading() as connection:
            for row in connection.execute(query):
                by_sender[row.sender].append(row)
            return tuple(
                SenderSummary(
                    name,
                    last_at=max(row.last_at for row in rows),
                    counts={DeliveryOutcome(row.outcome): row.all_count for row in rows},
                    repeats=sum(int(row.repeat_count) for row in rows),
                )
                for name, rows in sorted(by_sender.items())
            )

    def summarise_hosts(self, since: datetime) -> Sequence[HostSummary]:
        """Return a summary for each forge and registry that work concerned since a time, sorted by name."""
        columns = (FINISHED_WORK.c.host, case((_IS_TAG, FINISHED_WORK.c.repository), else_="").label("repository"))
        is_recent = and_(FINISHED_WORK.c.ended_at >= since, _HAS_HOST)
        last, failed = func.max(FINISHED_WORK.c.ended_at), func.count().filter(FINISHED_WORK.c.is_failure)
        figures = (func.count().label("all_count"), failed.label("failed_count"), last.label("last_at"))
        counts = select(FINISHED_WORK.c.kind, *columns, *figures)
        failures = select(FINISHED_WORK).where(is_recent, FINISHED_WORK.c.is_failure)
        newest = failures.order_by(FINISHED_WORK.c.ended_at.desc()).limit(MAX_FAILURES)
        by_host: dict[tuple[str, bool], list[Row[Any]]] = defaultdict(list)
        last_failures: dict[tuple[str, bool], Row[Any]] = {}
        with self._database.open_for_reading() as connection:
            grouped = counts.where(is_recent).group_by(FINISHED_WORK.c.kind, *columns)
            for row in connection.execute(grouped):
                by_host[_get_host(row)].append(row)
            for row in connection.execute(newest):
                last_failures.setdefault(_get_host(row), row)
        return tuple(
            HostSummary(
                host=key[0],
                is_registry=key[1],
                done=sum(row.all_count - row.failed_count for row in rows),
                failed=sum(row.failed_count for row in rows),
                last_at=max(row.last_at for row in rows),
                last_failure=last_failures[key].result if key in last_failures else None,
                last_failed_at=last_failures[key].ended_at if key in last_failures else None,
            )
            for key, rows in sorted(by_host.items())
        )

    def summarise_workers(self) -> Sequence[WorkerSummary]:
        """Return a summary for each worker that is doing work, sorted by name."""
        worker, until = PENDING_WORK.c.worker, func.min(PENDING_WORK.c.claimed_until)
        with self._database.open_for_reading() as connection:
            is_claimed = build_claimed_condition(read_time(connection))
            query = select(worker, func.count(), until).where(is_claimed).group_by(worker).order_by(worker)
            return tuple(WorkerSummary(*row) for row in connection.execute(query))


def _get_host(row: Row[Any]) -> tuple[str, bool]:
    """Return the forge or the registry that a piece of work concerned, and True if it is a registry."""
    if row.kind == WorkKind.TAG:
        return row.repository.partition("/")[0], True
    return row.host, row.kind == WorkKind.POLL
