"""Receivers and workers while PostgreSQL restarts, is away, or refuses writes, and while processes are suspended."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from support.postgresql import PostgresqlServer
from support.waiting import wait_until
from support.work_processes import LEASE, LONG_VISIT, WorkStand, build_visit_request

from bot.model.errors import StateError
from bot.model.work import WorkKind
from bot.state.database import Database
from bot.state.work.queue import DatabaseWorkQueue

pytestmark = [pytest.mark.slow, pytest.mark.real("postgresql")]
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


def deliver(stand, receiver, repository, number=0):
    stand.world.raise_number(repository)
    assert receiver.deliver(number, repository)


def wait_until_claimed(stand):
    wait_until(lambda: stand.create_queue().compute_figures().claimed == 1)


def wait_until_visited(stand, *repositories):
    wait_until(lambda: stand.world.list_notes("visits") == list(repositories))


def test_work_of_a_suspended_worker_is_not_done_by_another_worker(stand):
    receiver, suspended = stand.start_receiver(), stand.start_worker(LONG_VISIT)
    deliver(stand, receiver, "web")
    wait_until_claimed(stand)
    suspended.suspend()
    stand.start_worker()
    time.sleep(LEASE.total_seconds() * 1.5)
    deliver(stand, receiver, "api", number=1)
    wait_until_visited(stand, "api")
    suspended.resume()
    stand.world.end_visits()
    stand.wait_until_idle()
    assert (stand.world.list_notes("visits"), stand.world.list_notes("overlaps")) == (["api", "web"], [])


def test_work_of_a_suspended_worker_is_done_after_the_worker_ends(stand):
    receiver, suspended = stand.start_receiver(), stand.start_worker(LONG_VISIT)
    deliver(stand, receiver, "web")
    wait_until_claimed(stand)
    suspended.suspend()
    stand.start_worker()
    time.sleep(LEASE.total_seconds() + 0.5)
    assert stand.world.list_notes("visits") == []
    suspended.kill()
    wait_until_visited(stand, "web")


def test_suspended_worker_exits_on_resumption_if_the_claims_were_lost(stand):
    """PostgreSQL may end the session of a suspended worker, for example when PostgreSQL restarts."""
    receiver, suspended = stand.start_receiver(), stand.start_worker(LONG_VISIT)
    deliver(stand, receiver, "web")
    wait_until_claimed(stand)
    suspended.suspend()
    stand.end_sessions()
    other = stand.start_worker()
    wait_until_visited(stand, "web")
    suspended.resume()
    assert suspended.popen.wait(timeout=60) == 1
    stand.wait_until_idle()
    assert other.popen.poll() is None
    assert stand.world.list_lost() == []


def test_worker_exits_when_the_database_server_is_down_longer_than_the_claim(stand, server):
    receiver, worker = stand.start_receiver(), stand.start_worker(LONG_VISIT)
    deliver(stand, receiver, "web")
    wait_until_claimed(stand)
    server.stop("immediate")
    try:
        assert worker.popen.wait(timeout=60) == 1
        assert not receiver.deliver(1, "web")
    finally:
        server.start()
    stand.start_worker()
    wait_until_visited(stand, "web")
    assert stand.world.list_notes("overlaps") == []


@pytest.mark.parametrize("way", ["fast", "kill"])
def test_restart_of_the_database_server_loses_no_work(stand, server, way):
    receivers = [stand.start_receiver() for _ in range(2)]
    for _ in range(3):
        stand.start_worker(seconds=0.05)
    is_over, accepted = threading.Event(), []

    def send(part):
        number = part
        while not is_over.is_set():
            number += 2
            repository = REPOSITORIES[number % 5]
            stand.world.raise_number(f"{repository}-{part}")
            wait_until(partial(receivers[part].deliver, number, f"{repository}-{part}"), interval=0.05)
            accepted.append(number)

    with ThreadPoolExecutor(2) as threads:
        sending = [threads.submit(send, part) for part in range(2)]
        try:
            wait_until(lambda: len(stand.world.list_notes("visits")) >= 5)
            server.kill() if way == "kill" else server.stop(way)
            time.sleep(0.5)
            accepted_before = len(accepted)
            server.start()
            wait_until(lambda: len(accepted) >= accepted_before + 10)
        finally:
            is_over.set()
        for each in sending:
            each.result(timeout=60)
    stand.wait_until_idle()
    assert stand.world.list_lost() == []
    assert stand.world.list_notes("overlaps") == []


def test_receiver_refuses_deliveries_while_the_database_is_read_only(stand):
    receiver = stand.start_receiver()
    stand.start_worker()
    stand.set_read_only(is_read_only=True)
    stand.world.raise_number("web")
    assert not receiver.deliver(1, "web")
    stand.set_read_only(is_read_only=False)
    assert receiver.deliver(1, "web")
    wait_until_visited(stand, "web")


def test_worker_with_wrong_clock_does_not_take_claims_of_other_workers(stand):
    """The clock of the second worker is a day ahead. By it, the claim of the first one would have ended."""
    receiver = stand.start_receiver()
    stand.start_worker(LONG_VISIT)
    deliver(stand, receiver, "web")
    wait_until_claimed(stand)
    stand.start_worker(clock_offset=timedelta(days=1))
    deliver(stand, receiver, "api", number=1)
    wait_until_visited(stand, "api")
    stand.world.end_visits()
    stand.wait_until_idle()
    assert (stand.world.list_notes("visits"), stand.world.list_notes("overlaps")) == (["api", "web"], [])


def test_concurrent_changes_of_the_same_work_never_deadlock(database):
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


def test_kept_connections_work_again_after_a_restart_of_the_database_server(database, server):
    queue = DatabaseWorkQueue(database.keep_connections())
    queue.request_work([build_visit_request("web")])
    server.stop("fast")
    with pytest.raises(StateError):
        queue.request_work([build_visit_request("web")])
    server.start()
    queue.request_work([build_visit_request("web")])
    assert queue.claim_work("a", [WorkKind.VISIT], 1, timedelta(minutes=1))[0].version == 2
    queue.release_claims("a")
