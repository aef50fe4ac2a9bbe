"""The signal that wakes the worker threads of a process."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import pytest

from bot.model.delivery import Delivery, DeliveryOutcome
from bot.model.work import VisitWork, WorkPriority, WorkReason, WorkRequest
from bot.queues.thread_signal import ThreadSignal
from bot.state.database import Database
from bot.state.work.queue import DatabaseWorkQueue
from bot.state.work.service_log import DatabaseServiceLog

WEB = WorkRequest(VisitWork("github", "github.com", "acme/web"), WorkPriority.CHANGE, WorkReason.FILES_CHANGED, "1")


@pytest.fixture
def signal():
    return ThreadSignal()


@pytest.fixture
def database(tmp_path):
    return Database.sqlite(tmp_path / "state.db")


def measure(wait, seconds: float = 0.3) -> float:
    began = time.monotonic()
    wait(seconds)
    return time.monotonic() - began


def is_woken(wait) -> bool:
    """Wait, and return True if a signal ended the wait."""
    return measure(wait, 60) < 30


def test_wait_for_signal_ends_after_the_given_time(signal):
    assert measure(signal.create_waiter()) >= 0.29


def test_signal_wakes_every_waiting_thread(signal):
    ended = []

    def work(wait) -> None:
        wait(60)
        ended.append(1)

    threads = [threading.Thread(target=work, args=(signal.create_waiter(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    signal.send()
    for thread in threads:
        thread.join(timeout=30)
    assert len(ended) == 3


def test_signal_sent_between_two_waits_ends_only_the_next_wait(signal):
    first, second = signal.create_waiter(), signal.create_waiter()
    signal.send()
    assert is_woken(first)
    assert is_woken(second)
    assert measure(first) >= 0.29


def test_stored_work_requests_and_released_claims_send_a_signal(signal, database):
    queue, wait = DatabaseWorkQueue(database, signal), signal.create_waiter()
    queue.request_work([WEB])
    assert is_woken(wait)
    queue.request_missing([WEB])
    assert is_woken(wait)
    queue.release_claims("a")
    assert is_woken(wait)


def test_repeated_delivery_sends_no_second_signal(signal, database):
    log, wait = DatabaseServiceLog(database, signal), signal.create_waiter()
    delivery = Delivery("acr", "id-1", datetime.now(UTC), DeliveryOutcome.ACCEPTED, "trace-1", ())
    log.record_delivery(delivery, [WEB])
    assert is_woken(wait)
    log.record_delivery(delivery, [WEB])
    assert measure(wait) >= 0.29
