"""Figures about the service for monitoring."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from support.service.work import API, LEASE, WEB, finish_work, request_work
from support.visits import build_request, build_visit

from bot.model.delivery import Delivery, DeliveryOutcome
from bot.model.due_date import DueClass
from bot.model.proposal import RequestState
from bot.model.service_metrics import PendingFigures
from bot.model.work import SweepWork, WorkKind
from bot.state.inventory.store import DatabaseInventoryStore
from bot.state.work.metrics_reader import DatabaseMetricsReader
from bot.state.work.queue import DatabaseWorkQueue
from bot.state.work.service_log import DatabaseServiceLog

AT = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def queue(state_location):
    return DatabaseWorkQueue(state_location.database())


@pytest.fixture
def reader(state_location):
    return DatabaseMetricsReader(state_location.database())


def test_metrics_of_pending_work_include_every_kind_of_work(reader):
    assert reader.compute_pending_figures() == tuple(PendingFigures(each) for each in WorkKind)


def test_pending_work_is_counted_in_the_states_later_due_and_claimed(queue, reader):
    request_work(queue, API)
    [claimed] = queue.claim_work("a", [WorkKind.VISIT], 1, LEASE)
    queue.postpone_work("a", claimed, timedelta(), "the forge is down")
    queue.claim_work("a", [WorkKind.VISIT], 1, LEASE)
    request_work(queue, WEB)
    request_work(queue, SweepWork(), delay=timedelta(hours=1))
    by_kind = {each.kind: each for each in reader.compute_pending_figures()}
    visits, sweeps = by_kind[WorkKind.VISIT], by_kind[WorkKind.SWEEP]
    assert (visits.later, visits.due, visits.claimed, visits.failing) == (0, 1, 1, 1)
    assert timedelta() <= visits.oldest_due_age < timedelta(minutes=1)
    assert sweeps == PendingFigures(WorkKind.SWEEP, later=1)


def test_finished_work_with_larger_ids_is_listed_by_id(queue, reader):
    assert (reader.find_newest_id(), reader.list_ended(0, 9)) == (0, ())
    finish_work(queue, WEB, AT, opened=2, pushed_at=AT - LEASE)
    finish_work(queue, SweepWork(), AT + LEASE, is_failure=True)
    first, second = reader.list_ended(0, 9)
    assert (first.kind, first.host, first.opened, first.pushed_at) == (WorkKind.VISIT, "github.com", 2, AT - LEASE)
    assert (second.kind, second.is_failure, second.ended_at) == (WorkKind.SWEEP, True, AT + LEASE)
    assert reader.list_ended(first.id, 9) == (second,)
    assert reader.list_ended(0, 1) == (first,)
    assert reader.find_newest_id() == second.id
    assert reader.find_last_successes() == {WorkKind.VISIT: AT}


def test_last_deliveries_include_only_configured_senders(state_location, reader):
    records = DatabaseServiceLog(state_location.database())
    for number, sender in enumerate(("registry", "registry", "removed")):
        delivery = Delivery(sender, str(number), AT + number * LEASE, DeliveryOutcome.IGNORED, "trace-1")
        records.record_delivery(delivery, ())
    assert reader.find_last_deliveries(["registry", "forge"]) == {("registry", DeliveryOutcome.IGNORED): AT + LEASE}


def test_open_pull_requests_after_the_due_date_are_counted_as_overdue(state_location, reader):
    past, future = {"due_at": AT}, {"due_at": datetime(9000, 1, 1, tzinfo=UTC)}
    requests = (
        build_request(1, due_for=DueClass.HIGH, **past),
        build_request(2, due_for=DueClass.HIGH, **past),
        build_request(3, due_for=DueClass.CRITICAL, **past),
        build_request(4, due_for=DueClass.CRITICAL, **future),
        build_request(5, RequestState.MERGED, due_for=DueClass.MEDIUM, **past),
        build_request(6),
    )
    assert reader.count_overdue_requests() == {}
    DatabaseInventoryStore(state_location.database()).record_visits([build_visit(requests=requests)], {}, AT)
    assert reader.count_overdue_requests() == {DueClass.HIGH: 2, DueClass.CRITICAL: 1}
