"""Reads the figures about the service for monitoring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, func, select

from bot.model.delivery import DeliveryOutcome
from bot.model.due_date import DueClass
from bot.model.exposure_summary import ExposureSummary
from bot.model.proposal import RequestState
from bot.model.service_metrics import EndedWork, PendingFigures
from bot.model.work import MAX_INTERRUPTIONS, WorkKind
from bot.state.database import Database
from bot.state.exposure.summaries import DatabaseExposureSummaries
from bot.state.tables.inventory import REQUESTS
from bot.state.tables.work import (
    DELIVERIES,
    FINISHED_WORK,
    KNOWN_KINDS,
    KNOWN_OUTCOMES,
    PENDING_WORK,
    build_claimed_condition,
)
from bot.state.work.queue import read_time


class DatabaseMetricsReader:
    """Reads figures about the service for monitoring. Every method raises StateError.

    Work of kinds that only a later release knows is left out.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def load_exposure(self) -> ExposureSummary | None:
        """Return the last summary of the fleet's exposure without private findings; None if there is none."""
        stored = DatabaseExposureSummaries(self._database).load_last_summary()
        return stored.shared if stored is not None else None

    def compute_pending_figures(self) -> Sequence[PendingFigures]:
        """Return figures for each kind of work, also for kinds without pending work."""
        pending = PENDING_WORK.c
        with self._database.open_for_reading() as connection:
            now = read_time(connection)
            is_claimed = build_claimed_condition(now)
            is_due = and_(~is_claimed, pending.due_at <= now)
            query = select(
                pending.kind,
                func.count().filter(and_(~is_claimed, pending.due_at > now)),
                func.count().filter(is_due),
                func.count().filter(is_claimed),
                func.count().filter(pending.attempts > 0),
                func.count().filter(pending.interruptions >= MAX_INTERRUPTIONS),
                func.min(pending.due_at).filter(is_due),
            )
            rows = connection.execute(query.where(pending.kind.in_(KNOWN_KINDS)).group_by(pending.kind)).all()
        figures = {
            kind: PendingFigures(
                WorkKind(kind),
                later,
                due,
                claimed,
                failing,
                interrupted,
                now - oldest if oldest is not None else timedelta(),
            )
            for kind, later, due, claimed, failing, interrupted, oldest in rows
        }
        return tuple(figures.get(each.value, PendingFigures(each)) for each in WorkKind)

    def find_newest_id(self) -> int:
        """Return the number of the newest record of finished work; 0 if there is none."""
        with self._database.open_for_reading() as connection:
            newest: int | None = connection.execute(select(func.max(FINISHED_WORK.c.id))).scalar_one()
            return newest or 0

    def list_ended(self, after_id: int, limit: int) -> Sequence[EndedWork]:
        """Return the records of finished work with numbers greater than `after_id`, in the order of their numbers."""
        finished = FINISHED_WORK.c
        columns = (
            finished.id,
            finished.kind,
            finished.host,
            finished.is_failure,
            finished.opened,
            finished.ended_at,
            finished.pushed_at,
        )
        query = select(*columns).where(finished.id > after_id, finished.kind.in_(KNOWN_KINDS))
        with self._database.open_for_reading() as connection:
            rows = connection.execute(query.order_by(finished.id).limit(limit))
            return tuple(EndedWork(row.id, WorkKind(row.kind), *row[2:]) for row in rows)

    def find_last_successes(self) -> Mapping[WorkKind, datetime]:
        """Return the end of the last work of each kind that did not fail. This reads all records."""
        finished = FINISHED_WORK.c
        query = select(finished.kind, func.max(finished.ended_at)).group_by(finished.kind)
        with self._database.open_for_reading() as connection:
            rows = connection.execute(query.where(~finished.is_failure, finished.kind.in_(KNOWN_KINDS)))
            return {WorkKind(kind): ended_at for kind, ended_at in rows}

    def find_last_deliveries(self, senders: Sequence[str]) -> Mapping[tuple[str, DeliveryOutcome], datetime]:
        """Return the time of the last delivery for each of these senders and each outcome.

        The time of refused deliveries is that of the first one within an hour.
        """
        columns = (DELIVERIES.c.sender, DELIVERIES.c.outcome)
        query = select(*columns, func.max(DELIVERIES.c.received_at)).group_by(*columns)
        with self._database.open_for_reading() as connection:
            is_known = DELIVERIES.c.outcome.in_(KNOWN_OUTCOMES)
            rows = connection.execute(query.where(DELIVERIES.c.sender.in_(senders), is_known))
            return {(sender, DeliveryOutcome(outcome)): at for sender, outcome, at in rows}

    def count_overdue_requests(self) -> Mapping[DueClass, int]:
        """Return the numbers of open pull requests whose due date has passed, by the class of their fixes."""
        requests = REQUESTS.c
        query = select(requests.due_for, func.count()).group_by(requests.due_for)
        query = query.where(requests.state == RequestState.OPEN.value, requests.due_for.in_(list(DueClass)))
        with self._database.open_for_reading() as connection:
            rows = connection.execute(query.where(requests.due_at <= read_time(connection)))
            return {DueClass(due_for): count for due_for, count in rows}
