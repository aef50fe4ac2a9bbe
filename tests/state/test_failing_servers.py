"""Receivers and workers while PostgreSQL restarts, is away, or refuses writes, and while processes are suspended."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from support.postgresql import PostgresqlServer
from support.work_processes import LEASE, WorkStand, build_visit_request

from bot.model.errors import StateError
from bot.model.work import WorkKind
from bot.state.database import Database
from bot.state.work_queue import DatabaseWorkQueue

pytestmark = pytest.mark.real("postgresql")
REPOSITORIES = [f"r{number}" for number in range(5)]


@pytest.fixture(scope="module")
def server():
    with PostgresqlServer() as server:
        yield server


@pytest.fixture
def database(server):
    return Database.postgresql(server.fresh())


@pytest.fixture
def stand(server, tmp_path):
    address = server.fresh()
    (tmp_path / "world").mkdir()
    with WorkStand(f"Database.postgresql({address!r})", tmp_path / "world") as stand:
        yield stand


def wait_for(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def deliver(stand, receiver, repository, number=0):
    stand.world.raise_number(repository)
    assert receiver.deliver(number, repository)


def is_claimed(stand):
    return stand.create_queue().compute_figures().claimed == 1


def test_work_of_a_suspended_worker_is_not_done_by_another_one(stand):
    receiver, suspended = stand.start_receiver(), stand.start_worker(seconds=1)
    deliver(stand, receiver, "web")
    wait_for(lambda: is_claimed(stand))
    suspended.suspend()
    stand.start_worker()
    time.sleep(LEASE.total_seconds() * 1.5)
    assert stand.world.list_notes("visits") == []
    suspended.resume()
    wait_for(stand.is_idle)
    assert (stand.world.list_notes("visits"), stand.world.list_notes("overlaps")) == (["web"], [])


def test_work_of_a_suspended_worker_is_done_after_its_end(stand):
    receiver, suspended = stand.start_receiver(), stand.start_worker(seconds=1)
    deliver(stand, receiver, "web")
    wait_for(lambda: is_claimed(stand))
    suspended.suspend()
    stand.start_worker()
    time.sleep(LEASE.total_seconds() + 0.5)
    suspended.kill()
    wait_for(lambda: stand.world.list_lost() == [])


def test_suspended_worker_that_lost_its_claims_ends_when_it_continues(stand):
    """PostgreSQL may end the session of a suspended worker, for example when PostgreSQL restarts."""
    receiver, suspended = stand.start_receiver(), stand.start_worker(seconds=60)
    deliver(stand, receiver, "web")
    wait_for(lambda: is_claimed(stand))
    suspended.suspend()
    stand.end_sessions()
    other = stand.start_worker(seconds=0.5)
    time.sleep(LEASE.total_seconds() + 1)
    suspended.resume()
    assert suspended.popen.wait(timeout=10) == 1
    wait_for(stand.is_idle)
    assert other.popen.poll() is None
    assert stand.world.list_lost() == []


def test_worker_gives_up_when_the_server_is_away_for_longer_than_its_claim(stand, server):
    receiver, worker = stand.start_receiver(), stand.start_worker(seconds=60)
    deliver(stand, receiver, "web")
    wait_for(lambda: is_claimed(stand))
    server.stop("immediate")
    try:
        assert worker.popen.wait(timeout=LEASE.total_seconds()) == 1
        assert not receiver.deliver(1, "web")
    finally:
        server.start()
    stand.start_worker()
    wait_for(lambda: stand.world.list_lost() == [])
    assert stand.world.list_notes("overlaps") == []


@pytest.mark.parametrize("way", ["fast", "kill"])
def test_restarts_of_the_server_lose_nothing(stand, server, way):
    receivers = [stand.start_receiver() for _ in range(2)]
    workers = [stand.start_worker(seconds=0.05) for _ in range(3)]
    is_over = threading.Event()

    def send(part):
        number = part
        while not is_over.is_set():
            number += 2
            repository = REPOSITORIES[number % 5]
            stand.world.raise_number(f"{repository}-{part}")
            end = time.monotonic() + 30
            while not receivers[part].deliver(number, f"{repository}-{part}"):
                assert time.monotonic() < end
                time.sleep(0.05)

    with ThreadPoolExecutor(2) as threads:
        sending = [threads.submit(send, part) for part in range(2)]
        try:
            time.sleep(0.7)
            server.kill() if way == "kill" else server.stop(way)
            time.sleep(0.5)
            server.start()
            time.sleep(0.7)
        finally:
            is_over.set()
        for each in sending:
            each.result(timeout=30)
    if all(each.popen.poll() is not None for each in workers):  # they gave up, as in the test above
        stand.start_worker()
    wait_for(stand.is_idle)
    assert stand.world.list_lost() == []
    assert stand.world.list_notes("overlaps") == []
    assert len(stand.world.list_notes("visits")) >= 10


def test_receiver_refuses_deliveries_while_the_server_refuses_writes(stand):
    receiver = stand.start_receiver()
    stand.start_worker()
    stand.set_read_only(is_read_only=True)
    stand.world.raise_number("web")
    assert not receiver.deliver(1, "web")
    stand.set_read_only(is_read_only=False)
    assert receiver.deliver(1, "web")
    wait_for(stand.is_idle)
    assert stand.world.list_lost() == []


def test_clock_of_a_worker_decides_nothing(stand):
    """The clock of the second worker is a day ahead. By it, the claim of the first one would have ended."""
    receiver, worker = stand.start_receiver(), stand.start_worker(seconds=1)
    deliver(stand, receiver, "web")
    wait_for(lambda: is_claimed(stand))
    stand.start_worker(clock_offset=timedelta(days=1))
    wait_for(stand.is_idle)
    assert (stand.world.list_notes("visits"), worker.popen.poll()) == (["web"], None)


def test_transactions_on_the_same_work_never_end_in_a_deadlock(database):
    """PostgreSQL ends one of two transactions that lock the same rows in different orders."""
    queue, names = DatabaseWorkQueue(database), [f"r{number}" for number in range(20)]
    queue.request_work([build_visit_request(each) for each in names])
    claimed = queue.claim_work("a", [WorkKind.VISIT], 20, timedelta(minutes=1))

    def repeat(change):
        for _ in range(60):
            change()

    changes = (
        lambda: queue.request_work([build_visit_request(each) for each in names]),
        lambda: queue.request_missing([build_visit_request(each) for each in reversed(names)]),
        lambda: queue.extend_claims("a", claimed[::-1], timedelta(minutes=1)),
        lambda: queue.release_claims("b") or queue.claim_work("b", [WorkKind.VISIT], 7, timedelta()),
    )
    with ThreadPoolExecutor(len(changes)) as threads:
        for each in [threads.submit(repeat, change) for change in changes]:
            each.result(timeout=60)


def test_kept_connections_survive_a_restart_of_the_server(database, server):
    queue = DatabaseWorkQueue(database.keep_connections())
    queue.request_work([build_visit_request("web")])
    server.stop("fast")
    with pytest.raises(StateError):
        queue.request_work([build_visit_request("web")])
    server.start()
    queue.request_work([build_visit_request("web")])
    assert queue.claim_work("a", [WorkKind.VISIT], 1, timedelta(minutes=1))[0].version == 2
    queue.release_claims("a")
