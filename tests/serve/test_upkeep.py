"""The rounds that request work whose time came, and delete old records."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from support.visits import API, CONDITIONS, PYTHON, WEB, build_visit
from support.waiting import wait_until

from bot.model.delivery import Delivery, DeliveryOutcome
from bot.model.inventory import SettledBranch
from bot.model.work import (
    FinishedWork,
    PollWork,
    SweepWork,
    VisitWork,
    WorkKind,
    WorkPriority,
    WorkReason,
    WorkRequest,
)
from bot.serve import service as upkeep
from bot.serve.json_log import JsonLog
from bot.serve.service import RECORDS_KEPT, Upkeep
from bot.state.database import Database
from bot.state.inventory.event_inventory import DatabaseEventInventory
from bot.state.inventory.store import DatabaseInventoryStore
from bot.state.work.queue import DatabaseWorkQueue
from bot.state.work.service_log import DatabaseServiceLog

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)


class FakeClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time


class UpkeepScene:
    """A state, and the upkeep of a service that uses it."""

    def __init__(self, path) -> None:
        self.path, self.clock, self.output = path, FakeClock(), StringIO()
        database = Database.sqlite(path)
        self.inventory, self.queue = DatabaseInventoryStore(database), DatabaseWorkQueue(database)
        self.records = DatabaseServiceLog(database)
        events = DatabaseEventInventory(database)
        log = JsonLog(self.clock, self.output)
        self.upkeep = Upkeep(self.queue, events, self.records, self.clock, log)

    def add_branch(self, key, due_at=None) -> None:
        settled = SettledBranch(CONDITIONS, {PYTHON: "sha256:" + "a" * 64}, due_at=due_at)
        self.inventory.record_visits([build_visit(str(PYTHON), key=key, settled=settled)], {}, NOW)

    def list_pending(self) -> list[tuple[str, WorkReason]]:
        self.upkeep.do_round()
        return [(str(each.key), each.reason) for each in self.records.list_pending(99)]


@pytest.fixture
def service(tmp_path):
    return UpkeepScene(tmp_path / "state.db")


def test_upkeep_requests_a_sweep_and_a_poll_of_each_used_registry(service):
    assert service.list_pending() == [("all repositories", WorkReason.SWEEP)]
    service.add_branch(WEB)
    expected = {("all repositories", WorkReason.SWEEP), ("docker.io", WorkReason.POLL)}
    assert set(service.list_pending()) == expected
    assert len(service.list_pending()) == 2


def test_upkeep_does_not_make_delayed_work_due_earlier(service):
    later = WorkRequest(SweepWork(), WorkPriority.SWEEP, WorkReason.SWEEP, "trace-1", delay=HOUR)
    service.queue.request_work([later])
    service.upkeep.do_round()
    assert service.queue.claim_work("a", [WorkKind.SWEEP], 1, HOUR) == ()


def test_upkeep_requests_visit_of_a_branch_at_the_due_time(service):
    service.add_branch(WEB, NOW + HOUR)
    service.add_branch(API, NOW + 2 * HOUR)
    assert (WEB.repository, WorkReason.DUE) not in service.list_pending()
    service.clock.time = NOW + HOUR
    waiting = service.list_pending()
    assert (WEB.repository, WorkReason.DUE) in waiting
    assert API.repository not in {subject for subject, _ in waiting}
    [claimed] = service.queue.claim_work("a", [WorkKind.VISIT], 9, HOUR)
    assert claimed.key == VisitWork(WEB.forge, WEB.host, WEB.repository)


def test_upkeep_requests_no_visit_of_a_branch_that_is_being_visited(service):
    service.add_branch(WEB, NOW)
    service.upkeep.do_round()
    [claimed] = service.queue.claim_work("a", [WorkKind.VISIT], 9, HOUR)
    service.upkeep.do_round()
    service.add_branch(WEB, None)
    done = FinishedWork(claimed.key, "trace-1", claimed.reason, NOW, NOW, "done")
    service.queue.finish_work("a", claimed, done)
    service.upkeep.do_round()
    assert service.queue.claim_work("a", [WorkKind.VISIT], 9, HOUR) == ()


def test_upkeep_deletes_old_deliveries_and_finished_work(service):
    for number, at in enumerate((NOW, NOW + HOUR)):
        service.records.record_delivery(Delivery("registry", str(number), at, DeliveryOutcome.IGNORED, ""), ())
        service.queue.request_work([WorkRequest(PollWork("quay.io"), WorkPriority.SWEEP, WorkReason.POLL, "1")])
        [claimed] = service.queue.claim_work("a", [WorkKind.POLL], 1, HOUR)
        service.queue.finish_work("a", claimed, FinishedWork(claimed.key, "1", claimed.reason, at, at, "done"))
    service.clock.time = NOW + RECORDS_KEPT + HOUR / 2
    service.upkeep.do_round()
    assert [each.received_at for each in service.records.list_deliveries(9)] == [NOW + HOUR]
    assert [each.ended_at for each in service.records.list_finished(9)] == [NOW + HOUR]


def test_upkeep_continues_after_the_state_could_not_be_used(service, monkeypatch):
    monkeypatch.setattr(upkeep, "INTERVAL", timedelta(milliseconds=20))
    away = service.path.with_suffix(".away")
    service.path.rename(away)  # SQLite creates an empty database in its place
    stop = threading.Event()
    thread = threading.Thread(target=service.upkeep.run, args=(stop,))
    thread.start()
    wait_until(lambda: service.output.getvalue().count("state-error") >= 2)
    away.replace(service.path)
    wait_until(lambda: service.records.list_pending(9))
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
