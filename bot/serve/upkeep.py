"""Requests work whose time came, and deletes old records."""

from __future__ import annotations

import secrets
import threading
from datetime import timedelta

from bot.model.work import PollWork, SweepWork, WorkPriority, WorkReason, WorkRequest
from bot.ports import Clock
from bot.serve.json_log import JsonLog
from bot.serve.tag_job import list_visits
from bot.work_ports import EventInventory, ServiceLog, WorkRequester

INTERVAL = timedelta(minutes=1)
"""The time between two rounds. A minimum age or a date in a rule is noticed with this delay."""
RECORDS_KEPT = timedelta(days=30)
"""How long deliveries and records of work are kept."""


class Upkeep:
    """Repeats its rounds in one thread. Several processes may do so at the same time."""

    def __init__(
        self,
        queue: WorkRequester,
        inventory: EventInventory,
        service_log: ServiceLog,
        clock: Clock,
        log: JsonLog,
    ) -> None:
        self._queue, self._inventory, self._service_log = queue, inventory, service_log
        self._clock, self._log = clock, log

    def run(self, stop: threading.Event) -> None:
        """Do rounds until `stop` is set."""
        while not stop.is_set():
            try:
                self.do_round()
            except Exception as error:  # noqa: BLE001 - a bug must not end the thread, which nothing would start again
                self._log.write_error(error)
            stop.wait(INTERVAL.total_seconds())

    def do_round(self) -> None:
        """Request the sweep, the polls and the visits that are missing, and delete old records. Raises StateError."""
        now, trace = self._clock.now(), secrets.token_hex(8)
        hosts = self._inventory.list_registries()
        sweep = WorkRequest(SweepWork(), WorkPriority.SWEEP, WorkReason.SWEEP, trace)
        polls = (WorkRequest(PollWork(host), WorkPriority.SWEEP, WorkReason.POLL, trace) for host in hosts)
        self._queue.request_missing((sweep, *polls))
        due = list_visits(self._inventory.list_due_branches(now))
        self._queue.request_missing([WorkRequest(each, WorkPriority.SWEEP, WorkReason.DUE, trace) for each in due])
        self._service_log.delete_records(now - RECORDS_KEPT)
