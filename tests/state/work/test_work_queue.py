"""Pending work: merged requests, claims that end, priorities, and records of what was done."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from support.service.work import API, LEASE, NODE, WEB, build_work, request_work, set_clock

from bot.model.delivery import Delivery, DeliveryOutcome
from bot.model.work import (
    EVENT_KINDS,
    FinishedWork,
    PollWork,
    SweepWork,
    VisitWork,
    WorkKind,
    WorkPriority,
)
from bot.state.work.queue import DatabaseWorkQueue
from bot.state.work.service_log import DatabaseServiceLog


@pytest.fixture
def queue(state_location):
    return DatabaseWorkQueue(state_location.database())


@pytest.fixture
def service_log(state_location):
    return DatabaseServiceLog(state_location.database())


def finish(queue, worker, claimed):
    at = datetime.now(UTC)
    queue.finish_work(worker, claimed, FinishedWork(claimed.key, claimed.trace, claimed.reason, at, at, "done"))


def end_process(queue, worker):
    """Do what PostgreSQL does when the process of a worker ends."""
    queue._sessions.close_session(worker)


def test_repeated_requests_for_the_same_work_are_done_once(queue):
    for _ in range(50):
        request_work(queue, WEB)
    [claimed] = queue.claim_work("a", WorkKind, 10, LEASE)
    assert (claimed.key, claimed.version) == (WEB, 50)
    finish(queue, "a", claimed)
    assert queue.claim_work("a", WorkKind, 10, LEASE) == ()
    assert queue.compute_figures().waiting == 0


def test_claimed_work_is_not_claimed_again_until_the_claim_ends(queue):
    request_work(queue, WEB)
    claimed = queue.claim_work("a", WorkKind, 10, LEASE)
    assert queue.claim_work("b", WorkKind, 10, LEASE) == ()
    queue.extend_claims("a", claimed, timedelta())
    end_process(queue, "a")
    assert [each.key for each in queue.claim_work("b", WorkKind, 10, LEASE)] == [WEB]


def test_extended_claim_prevents_other_claims_after_the_process_ends(queue):
    request_work(queue, WEB)
    claimed = queue.claim_work("a", WorkKind, 10, timedelta())
    queue.extend_claims("a", claimed, LEASE)
    assert queue.claim_work("b", WorkKind, 10, LEASE) == ()
    end_process(queue, "a")
    assert queue.claim_work("b", WorkKind, 10, LEASE) == ()


def test_work_requested_again_while_in_progress_is_repeated(queue):
    request_work(queue, WEB)
    [claimed] = queue.claim_work("a", WorkKind, 10, LEASE)
    request_work(queue, WEB)
    finish(queue, "a", claimed)
    [again] = queue.claim_work("a", WorkKind, 10, LEASE)
    assert again.version == 2
    finish(queue, "a", again)
    assert queue.claim_work("a", WorkKind, 10, LEASE) == ()


def test_finishing_work_after_the_claim_ended_keeps_the_claim_of_another_worker(queue):
    request_work(queue, WEB)
    [late] = queue.claim_work("a", WorkKind, 10, timedelta())
    end_process(queue, "a")
    [claimed] = queue.claim_work("b", WorkKind, 10, LEASE)
    finish(queue, "a", late)
    assert queue.compute_figures().claimed == 1
    finish(queue, "b", claimed)
    assert queue.compute_figures().claimed == 0


def test_work_is_claimed_by_priority_and_then_by_age(queue):
    queue.request_work([build_work(WEB, WorkPriority.SWEEP), build_work(SweepWork(), WorkPriority.SWEEP)])
    request_work(queue, API, priority=WorkPriority.EXPLOITED)
    request_work(queue, NODE)
    order = [each.key for _ in range(3) for each in queue.claim_work("a", WorkKind, 1, LEASE)]
    assert order[:2] == [API, NODE]
    request_work(queue, WEB, priority=WorkPriority.USER)
    assert [each.key for each in queue.claim_work("a", WorkKind, 1, LEASE)] in ([WEB], [SweepWork()])


def test_claims_of_one_call_have_the_same_kind_and_priority(queue):
    queue.request_work(
        [
            build_work(WEB),
            build_work(API),
            build_work(NODE),
            build_work(VisitWork("github", "github.com", "acme/x"), WorkPriority.SWEEP),
        ]
    )
    kinds = [{type(each.key) for each in queue.claim_work("a", WorkKind, 10, LEASE)} for _ in range(3)]
    assert all(len(each) == 1 for each in kinds)


def test_repeated_requests_postpone_the_work_up_to_the_longest_delay(queue, service_log, monkeypatch):
    delay, longest = timedelta(hours=2), timedelta(hours=2, minutes=50)
    due_times = []
    for minutes in (0, 20, 40, 60):
        set_clock(monkeypatch, timedelta(minutes=minutes))
        request_work(queue, NODE, delay=delay, longest_delay=longest)
        [waiting] = service_log.list_pending(10)
        due_times.append(waiting.due_at)
    assert due_times[0] < due_times[1] < due_times[2] < due_times[3]
    assert due_times[3] - waiting.requested_at == longest


def test_failed_work_waits_unless_a_user_requests_the_work(queue):
    request_work(queue, WEB)
    [claimed] = queue.claim_work("a", WorkKind, 10, LEASE)
    queue.postpone_work("a", claimed, timedelta(minutes=1), "the forge does not answer")
    request_work(queue, WEB, priority=WorkPriority.SWEEP)
    assert queue.claim_work("a", WorkKind, 10, LEASE) == ()
    request_work(queue, WEB, priority=WorkPriority.USER)
    [again] = queue.claim_work("a", WorkKind, 10, LEASE)
    assert (again.attempts, again.priority) == (1, WorkPriority.USER)


def test_released_work_can_be_claimed_immediately(queue):
    request_work(queue, WEB, API)
    assert len(queue.claim_work("a", WorkKind, 10, LEASE)) == 2
    queue.release_claims("a")
    assert len(queue.claim_work("b", WorkKind, 10, LEASE)) == 2


def test_two_workers_never_claim_the_same_work(state_location):
    database = state_location.database()
    DatabaseWorkQueue(database).request_work(
        [build_work(VisitWork("github", "github.com", f"acme/r{number}")) for number in range(120)]
    )
    claimed: list[list[object]] = [[], []]

    def work(number):
        queue = DatabaseWorkQueue(state_location.database())
        while some := queue.claim_work(f"worker-{number}", WorkKind, 7, LEASE):
            claimed[number] += [each.key for each in some]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed[0]) + len(claimed[1]) == 120
    assert not set(claimed[0]) & set(claimed[1])


def test_repeated_delivery_is_stored_once_and_requests_work_once(queue, service_log):
    delivery = Delivery("acr", "id-1", datetime.now(UTC), DeliveryOutcome.ACCEPTED, "trace-1", ("docker.io/a:1",))
    assert service_log.record_delivery(delivery, [build_work(NODE)])
    assert not service_log.record_delivery(delivery, [build_work(NODE)])
    [stored] = service_log.list_deliveries(10)
    assert (stored.repeats, stored.subjects) == (1, ("docker.io/a:1",))
    assert [(each.key, each.version) for each in queue.claim_work("a", WorkKind, 10, LEASE)] == [(NODE, 1)]


def test_finished_work_is_listed_until_deleted_by_age(queue, service_log):
    queue.request_work([build_work(SweepWork())])
    [claimed] = queue.claim_work("a", WorkKind, 10, LEASE)
    assert service_log.list_pending(10)[0].worker == "a"
    finish(queue, "a", claimed)
    [finished] = service_log.list_finished(10)
    assert finished.result == "done"
    assert service_log.find_last_sweep() == finished.ended_at
    service_log.delete_records(datetime.now(UTC) + timedelta(seconds=5))
    assert service_log.list_finished(10) == ()


def test_oldest_records_of_deliveries_above_the_maximum_number_are_deleted(service_log, monkeypatch):
    monkeypatch.setattr("bot.state.work.service_log.MAX_RECORDS", 3)
    at = datetime(2026, 11, 28, tzinfo=UTC)
    for number in range(6):
        moment = at + timedelta(seconds=number)
        service_log.record_delivery(Delivery("lab", str(number), moment, DeliveryOutcome.ACCEPTED, "t"), ())
    service_log.delete_records(at - timedelta(days=1))
    assert [each.id for each in service_log.list_deliveries(10)] == ["5", "4", "3"]
    service_log.delete_records(at - timedelta(days=1))
    assert len(service_log.list_deliveries(10)) == 3


def test_periodic_work_is_due_again_only_after_the_given_time(queue, monkeypatch):
    queue.request_missing([build_work(SweepWork())])
    [claimed] = queue.claim_work("a", WorkKind, 10, LEASE)
    at = datetime.now(UTC)
    finished = FinishedWork(claimed.key, claimed.trace, claimed.reason, at, at, "done")
    queue.finish_work("a", claimed, finished, repeat_after=timedelta(hours=1))
    queue.request_missing([build_work(SweepWork())])
    assert queue.claim_work("a", WorkKind, 10, LEASE) == ()
    set_clock(monkeypatch, timedelta(hours=1))
    assert [each.key for each in queue.claim_work("a", WorkKind, 10, LEASE)] == [SweepWork()]


def test_claim_returns_only_work_of_the_given_kinds(queue):
    queue.request_work([build_work(SweepWork()), build_work(PollWork("docker.io")), build_work(WEB)])
    assert [each.key for each in queue.claim_work("a", EVENT_KINDS, 10, LEASE)] == [WEB]
    assert queue.claim_work("a", EVENT_KINDS, 10, LEASE) == ()


def test_work_below_the_given_priority_is_neither_claimed_nor_counted(queue):
    queue.request_work([build_work(WEB, WorkPriority.EXPLOITED), build_work(API, WorkPriority.USER)])
    kinds, least = {WorkKind.VISIT}, WorkPriority.USER
    assert queue.compute_figures(kinds, least).due == 1
    assert [each.key for each in queue.claim_work("a", kinds, 10, LEASE, least)] == [API]
    assert queue.claim_work("a", kinds, 10, LEASE, least) == ()
    assert queue.compute_figures(kinds, least).next_due_in is None


def test_repeated_work_has_the_time_of_the_later_push(queue):
    earlier, later = (datetime(2026, 11, 28, hour, tzinfo=UTC) for hour in (10, 11))
    request_work(queue, WEB, pushed_at=earlier)
    request_work(queue, WEB, pushed_at=later)
    [claimed] = queue.claim_work("a", WorkKind, 10, LEASE)
    assert claimed.pushed_at == earlier
    request_work(queue, WEB, pushed_at=later)
    finish(queue, "a", claimed)
    [again] = queue.claim_work("a", WorkKind, 10, LEASE)
    assert again.pushed_at == later
