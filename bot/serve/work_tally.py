"""Counts the work that ended and the deliveries that arrived since the process started.

Counters for Prometheus must never fall, but the state keeps records only for some time. Therefore each process counts
separately, and begins with zero, as Prometheus expects.
"""

from __future__ import annotations

import math
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from bot.model.delivery import REPEATED, Delivery, DeliveryOutcome
from bot.model.service_metrics import EndedWork
from bot.model.work import WorkKind, WorkRequest
from bot.state.work.metrics_reader import DatabaseMetricsReader
from bot.work_ports import DeliveryLog

DELAY_BOUNDS = (5, 10, 15, 20, 30, 45, 60, 90, 120, 300, 600, 1800, 3600, 21600)
"""Upper bounds, in seconds, of the buckets for the time from a push to its proposals. Most proposals are opened within
a minute; if limits or a minimum age apply, they are opened hours later.
"""
OVERLAP = 1000
"""How many of the newest records are read again. Several workers can store records in another order than that of the
record numbers.
"""
PAGE_SIZE = 5000


class WorkTally:
    """Counts the records of finished work of all processes. Several threads can use it."""

    def __init__(self, reader: DatabaseMetricsReader) -> None:
        self._reader, self._lock = reader, threading.Lock()
        self._newest: int | None = None
        """The greatest record number that was read; None before the first call of `update`."""
        self._counted: set[int] = set()
        """The record numbers, among the last OVERLAP numbers, that were counted already."""
        self.results: Counter[tuple[WorkKind, bool]] = Counter()
        """The number of pieces of work by their kind and whether they failed."""
        self.polls: Counter[tuple[str, bool]] = Counter()
        """The number of polls by their registry and whether they failed."""
        self.opened = 0
        self.delays: Counter[float] = Counter()
        """The number of visits that opened proposals for a push, by the bucket's upper bound for the delay."""
        self.total_delay = 0.0
        self.last_successes: dict[WorkKind, datetime] = {}

    def update(self) -> None:
        """Count the records that were stored since the last call. The first call counts no records.

        Raises StateError if the state cannot be used.
        """
        with self._lock:
            if self._newest is None:
                self._begin()
            while self._count_page():
                pass

    def _begin(self) -> None:
        newest = self._reader.find_newest_id()
        self._counted = {each.id for each in self._reader.list_ended(newest - OVERLAP, OVERLAP) if each.id <= newest}
        self.last_successes = dict(self._reader.find_last_successes())
        self._newest = newest

    def _count_page(self) -> bool:
        """Count one page of records. Return True if there could be more pages."""
        newest = self._newest or 0
        records = self._reader.list_ended(newest - OVERLAP, PAGE_SIZE)
        if not records and newest > 0:  # the state was replaced, or all records were deleted, so numbers start again
            newest = self._reader.find_newest_id()
            self._counted = set(range(newest - OVERLAP, newest + 1))
        for each in records:
            if each.id not in self._counted:
                self._counted.add(each.id)
                self._count(each)
        self._newest = max((each.id for each in records), default=newest)
        self._counted = {number for number in self._counted if number > self._newest - OVERLAP}
        return len(records) == PAGE_SIZE

    def _count(self, record: EndedWork) -> None:
        self.results[record.kind, record.is_failure] += 1
        if record.kind is WorkKind.POLL:
            self.polls[record.host, record.is_failure] += 1
        if not record.is_failure:
            last = self.last_successes.get(record.kind)
            self.last_successes[record.kind] = max(last, record.ended_at) if last is not None else record.ended_at
        self.opened += record.opened
        if record.opened and record.pushed_at is not None:
            seconds = max(0.0, (record.ended_at - record.pushed_at).total_seconds())
            position = bisect_left(DELAY_BOUNDS, seconds)
            self.delays[DELAY_BOUNDS[position] if position < len(DELAY_BOUNDS) else math.inf] += 1
            self.total_delay += seconds


class DeliveryTally:
    """Counts the deliveries that this process stores. Implements `bot.work_ports.DeliveryLog`."""

    def __init__(self, service_log: DeliveryLog, senders: Iterable[str]) -> None:
        self._service_log, self._lock = service_log, threading.Lock()
        self.senders = tuple(senders)
        self.counts: Counter[tuple[str, str]] = Counter()
        """The number of deliveries by sender and outcome."""
        self.last_times: dict[tuple[str, str], datetime] = {}
        """The time of the last delivery by sender and outcome. `add_last_times` adds the times of earlier processes."""

    def record_delivery(self, delivery: Delivery, requests: Collection[WorkRequest]) -> bool:
        """Store a delivery, and count it."""
        is_new = self._service_log.record_delivery(delivery, requests)
        # All refused deliveries of a sender within an hour share one record, so an existing record does not mean a
        # repetition.
        is_repeated = not is_new and delivery.outcome is not DeliveryOutcome.REFUSED
        key = (delivery.sender, REPEATED if is_repeated else delivery.outcome.value)
        with self._lock:
            self.counts[key] += 1
            self._keep_later(key, delivery.received_at)
        return is_new

    def add_last_times(self, times: Mapping[tuple[str, DeliveryOutcome], datetime]) -> None:
        """Add the times of the last deliveries in the state."""
        with self._lock:
            for (sender, outcome), at in times.items():
                self._keep_later((sender, outcome.value), at)

    def _keep_later(self, key: tuple[str, str], at: datetime) -> None:
        last = self.last_times.get(key)
        self.last_times[key] = max(last, at) if last is not None else at
