"""Rows of the service that a later release wrote, and wrong clocks: other work is done nevertheless."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from support.service.work import set_clock

from bot.model.delivery import Delivery, DeliveryOutcome
from bot.model.image_name import TagRef
from bot.model.work import (
    ClaimedWork,
    FinishedWork,
    PollWork,
    TagWork,
    VisitWork,
    WorkKind,
    WorkPriority,
    WorkReason,
    WorkRequest,
)
from bot.state.database import Database
from bot.state.work.metrics_reader import DatabaseMetricsReader
from bot.state.work.queue import DatabaseWorkQueue
from bot.state.work.service_log import DatabaseServiceLog
from bot.state.work.service_reader import DatabaseServiceReader

LEASE, AGO, LONG_TEXT = timedelta(minutes=5), timedelta(days=2), "x" * 5_000_000
API = VisitWork("github", "github.com", "acme/api")
NODE = TagWork(TagRef("docker.io/library/node", "22"))
STATEMENTS = (
    "pending_work SET kind = 'errand'",
    "pending_work SET reason = 'full-moon'",
    "pending_work SET priority = 99",
    "pending_work SET priority = -5",
    f"pending_work SET error = '{LONG_TEXT}', trace = '{LONG_TEXT}'",
    "finished_work SET kind = 'errand', host = ''",
    "finished_work SET reason = 'full-moon'",
    "deliveries SET outcome = 'lost'",
)
MISSING = ClaimedWork(NODE, WorkPriority.CHANGE, WorkReason.SWEEP, "t", 0, 0, datetime(2026, 1, 1, tzinfo=UTC))
"""The claim of no row. Work that is finished with it leaves only its record."""


class LaterService:
    """A state with pending work, finished work, and deliveries."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.queue, self.log = DatabaseWorkQueue(self.database), DatabaseServiceLog(self.database)
        self.reader, self.metrics = DatabaseServiceReader(self.database), DatabaseMetricsReader(self.database)

    def fill(self, count: int) -> None:
        """Store the rows `acme/d0`, `acme/d1` and so on in each table, and others that never change."""
        now = datetime.now(UTC)
        keys = [API, *(VisitWork("github", "github.com", f"acme/d{number}") for number in range(count))]
        for key in keys:
            finished = FinishedWork(key, "t", WorkReason.SWEEP, now - AGO, now, "done", is_failure=key != API, opened=1)
            self.queue.finish_work("old", MISSING, finished)
            delivery = Delivery("lab", key.repository, now, DeliveryOutcome.ACCEPTED, "t", ("a",))
            self.log.record_delivery(delivery, ())
        self.request(*keys, NODE)

    def request(self, *keys) -> None:
        requests = [WorkRequest(key, WorkPriority.CHANGE, WorkReason.IMAGE_PUSHED, "t") for key in keys]
        self.queue.request_work(requests)

    def change(self, statements: Sequence[str]) -> None:
        with self.database.open_for_writing() as connection:
            for number, statement in enumerate(statements):
                column = "delivery" if statement.startswith("deliveries") else "repository"
                connection.exec_driver_sql(f"UPDATE {statement} WHERE {column} = 'acme/d{number}'")

    def read_everything(self) -> None:
        since = datetime.now(UTC) - AGO
        for read in (
            self.queue.compute_figures,
            lambda: self.log.list_pending(1000),
            lambda: self.reader.list_running(1000),
            lambda: self.reader.list_failing(1000),
            lambda: self.reader.summarise_hosts(since),
            self.reader.summarise_workers,
            self.metrics.compute_pending_figures,
            self.metrics.find_newest_id,
            self.log.find_last_sweep,
            self.metrics.find_last_successes,
            lambda: self.metrics.find_last_deliveries(["lab"]),
            self.reader.summarise_senders,
        ):
            read()
        assert API in {each.key for each in self.log.list_finished(1000)}
        assert "acme/api" in {each.id for each in self.log.list_deliveries(1000)}
        assert self.metrics.list_ended(0, 1000)

    def claim_everything(self) -> set[object]:
        """Claim work until none is left, as workers do."""
        keys: set[object] = set()
        deadline = time.monotonic() + 60
        while self.queue.compute_figures().due and time.monotonic() < deadline:
            claimed = self.queue.claim_work("new", WorkKind, 50, LEASE)
            keys |= {each.key for each in claimed}
            for each in claimed:
                at = datetime.now(UTC)
                finished = FinishedWork(each.key, "t", each.reason, at, at, "done", pushed_at=each.pushed_at)
                self.queue.finish_work("new", each, finished)
        return keys


@pytest.fixture
def service(state_location):
    """Return a service with a row for each statement."""
    service = LaterService(state_location.database())
    service.fill(len(STATEMENTS))
    return service


def test_rows_stored_by_a_later_release_prevent_neither_other_work_nor_pages(service):
    service.change(STATEMENTS)
    service.read_everything()
    assert {API, NODE} <= service.claim_everything()
    service.read_everything()


def test_worker_starts_after_a_killed_worker_despite_rows_stored_by_later_release(service):
    assert service.queue.claim_work("old", WorkKind, 1000, LEASE)
    service.change(STATEMENTS)
    service.queue.release_claims("old")
    service.queue.signal_due_work(WorkKind, 1000)
    assert API in service.claim_everything()


def test_work_with_unknown_reason_and_priority_of_a_later_release_is_claimed(state_location):
    service = LaterService(state_location.database())
    service.fill(1)
    service.change(["pending_work SET reason = 'full-moon', priority = 99"])
    [claimed] = service.queue.claim_work("new", WorkKind, 50, LEASE)
    assert (claimed.key.repository, claimed.reason) == ("acme/d0", WorkReason.SWEEP)
    assert claimed.priority is WorkPriority.USER


def test_work_of_an_unknown_kind_is_never_claimed_or_deleted(state_location):
    service = LaterService(state_location.database())
    service.fill(1)
    service.change(["pending_work SET kind = 'errand'"])
    assert service.claim_everything() == {API, NODE}
    with service.database.open_for_reading() as connection:
        assert connection.execute(text("SELECT kind FROM pending_work")).scalars().all() == ["errand"]


@pytest.mark.parametrize("hours", [-2, 2])
def test_claims_of_a_running_process_do_not_end_when_the_system_clock_is_changed(tmp_path, monkeypatch, hours):
    queue = DatabaseWorkQueue(Database.sqlite(tmp_path / "state.db"))
    queue.request_work([WorkRequest(API, WorkPriority.USER, WorkReason.REQUEST_CHANGED, "t")])
    assert queue.claim_work("events", WorkKind, 50, LEASE)
    set_clock(monkeypatch, timedelta(hours=hours))
    assert queue.claim_work("users", WorkKind, 50, LEASE) == ()
    other_process = DatabaseWorkQueue(Database.sqlite(tmp_path / "state.db"))
    if hours > 0:
        assert other_process.claim_work("other", WorkKind, 50, LEASE)


def test_work_due_by_a_wrong_clock_is_claimed_after_the_clock_is_corrected(tmp_path, monkeypatch):
    queue = DatabaseWorkQueue(Database.sqlite(tmp_path / "state.db"))
    poll = WorkRequest(PollWork("docker.io"), WorkPriority.SWEEP, WorkReason.POLL, "t")
    set_clock(monkeypatch, timedelta(days=365))
    queue.request_missing([poll])
    set_clock(monkeypatch, timedelta())
    assert queue.claim_work("new", WorkKind, 50, LEASE) == ()
    queue.request_missing([poll])
    assert [each.key for each in queue.claim_work("new", WorkKind, 50, LEASE)] == [poll.key]
