"""Summaries of deliveries and of work for the pages of the service, in SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from support.service.work import API, LEASE, WEB, finish_work, request_work
from support.visits import PYTHON

from bot.model.delivery import Delivery, DeliveryOutcome
from bot.model.work import (
    PollWork,
    SweepWork,
    TagWork,
    VisitWork,
    WorkKind,
)
from bot.state.work.queue import DatabaseWorkQueue
from bot.state.work.service_log import DatabaseServiceLog
from bot.state.work.service_reader import DatabaseServiceReader

NOW = datetime.now(UTC)


@pytest.fixture
def reader(state_location) -> DatabaseServiceReader:
    return DatabaseServiceReader(state_location.database())


@pytest.fixture
def queue(state_location) -> DatabaseWorkQueue:
    return DatabaseWorkQueue(state_location.database())


def test_running_work_is_listed_with_the_worker(reader, queue):
    request_work(queue, TagWork(PYTHON))
    queue.claim_work("one", frozenset(WorkKind), 1, LEASE)
    request_work(queue, WEB)
    (running,) = reader.list_running(10)
    assert (running.key, running.worker) == (TagWork(PYTHON), "one")
    assert reader.list_running(0) == ()


def test_work_is_not_running_after_the_claim_ends(reader, queue):
    request_work(queue, WEB)
    queue.claim_work("one", frozenset(WorkKind), 1, timedelta(seconds=-1))
    assert reader.list_running(10) == ()
    assert reader.summarise_workers() == ()


def test_failing_work_is_listed_with_the_error(reader, queue):
    request_work(queue, WEB, API)
    first, _ = queue.claim_work("one", frozenset(WorkKind), 2, LEASE)
    queue.postpone_work("one", first, timedelta(minutes=10), "github.com answers 502")
    (failing,) = reader.list_failing(10)
    assert (failing.key, failing.attempts, failing.error) == (first.key, 1, "github.com answers 502")


def test_workers_are_listed_with_the_number_of_claims(reader, queue):
    request_work(queue, WEB, API)
    queue.claim_work("two", frozenset(WorkKind), 2, LEASE)
    request_work(queue, TagWork(PYTHON))
    queue.claim_work("one", frozenset(WorkKind), 1, LEASE)
    assert [(each.worker, each.claims) for each in reader.summarise_workers()] == [("one", 1), ("two", 2)]
    assert all(each.claimed_until > NOW for each in reader.summarise_workers())


def test_senders_are_listed_with_counts_of_delivery_outcomes(state_location, reader):
    log = DatabaseServiceLog(state_location.database())
    for number, outcome in enumerate([DeliveryOutcome.ACCEPTED, DeliveryOutcome.ACCEPTED, DeliveryOutcome.REFUSED]):
        log.record_delivery(Delivery("acr", f"{number}", NOW + number * LEASE, outcome, "trace"), ())
    log.record_delivery(Delivery("acr", "0", NOW, DeliveryOutcome.ACCEPTED, "trace"), ())
    log.record_delivery(Delivery("github", "0", NOW, DeliveryOutcome.IGNORED, "trace"), ())
    acr, github = reader.summarise_senders()
    assert (acr.sender, acr.last_at, acr.repeats) == ("acr", NOW + 2 * LEASE, 1)
    assert acr.counts == {DeliveryOutcome.ACCEPTED: 2, DeliveryOutcome.REFUSED: 1}
    assert (github.sender, github.repeats) == ("github", 0)


def test_hosts_are_listed_with_counts_of_work_and_the_last_failure(reader, queue):
    finish_work(queue, WEB, NOW, "opened 1 proposal")
    finish_work(queue, API, NOW - LEASE, "github.com answers 500", is_failure=True)
    finish_work(queue, API, NOW - timedelta(minutes=1), "github.com answers 502", is_failure=True)
    finish_work(queue, TagWork(PYTHON), NOW, "nothing changed")
    finish_work(queue, PollWork("docker.io"), NOW, "nothing changed")
    finish_work(queue, SweepWork(), NOW, "listed 2 repositories")
    finish_work(queue, VisitWork("local", "", "web"), NOW - timedelta(days=2), "nothing changed")
    hub, github = reader.summarise_hosts(NOW - timedelta(days=1))
    assert (hub.host, hub.is_registry, hub.done, hub.failed, hub.last_failure) == ("docker.io", True, 2, 0, None)
    assert (github.host, github.is_registry, github.done, github.failed) == ("github.com", False, 1, 2)
    assert (github.last_failure, github.last_failed_at) == ("github.com answers 502", NOW - timedelta(minutes=1))
    assert github.last_at == NOW
