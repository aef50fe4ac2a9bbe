"""Claims that end without a result, because their process ended: they are counted, and given to one worker alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from support.service.work import API, LEASE, NODE, WEB, interrupt_work, request_work

from bot.model.work import MAX_INTERRUPTIONS, FinishedWork, WorkKind, WorkPriority
from bot.state.work.metrics_reader import DatabaseMetricsReader
from bot.state.work.queue import DatabaseWorkQueue
from bot.state.work.service_reader import DatabaseServiceReader

MINUTE = timedelta(minutes=1)


@pytest.fixture
def queue(state_location):
    return DatabaseWorkQueue(state_location.database())


def finish(queue, claimed):
    at = datetime.now(UTC)
    queue.finish_work("a", claimed, FinishedWork(claimed.key, "t", claimed.reason, at, at, "done"), timedelta())


def fail(queue, claimed):
    queue.postpone_work("a", claimed, timedelta(), "the forge does not answer")


@pytest.mark.parametrize("end_with_a_result", [finish, fail])
def test_interruptions_of_work_are_counted_until_the_work_finishes_or_fails(queue, end_with_a_result):
    request_work(queue, WEB)
    for _ in range(2):
        interrupt_work(queue, WEB)
    [claimed] = queue.claim_work("a", WorkKind, 10, LEASE)
    assert (claimed.interruptions, claimed.was_interrupted) == (2, True)
    end_with_a_result(queue, claimed)
    [again] = queue.claim_work("a", WorkKind, 10, LEASE)
    assert (again.interruptions, again.was_interrupted) == (0, False)


def test_released_claim_is_not_counted_as_interruption(queue):
    request_work(queue, WEB)
    interrupt_work(queue, WEB)
    for _ in range(3):
        assert queue.claim_work("a", WorkKind, 10, LEASE)
        queue.release_claims("a")
    [claimed] = queue.claim_work("a", WorkKind, 10, LEASE)
    assert (claimed.interruptions, claimed.was_interrupted) == (1, False)


def test_new_process_does_not_inherit_claims_of_ended_process_with_the_same_name(queue):
    request_work(queue, WEB)
    assert queue.claim_work("serve-events", WorkKind, 10, LEASE)
    queue.interrupt_claims("serve-events")
    request_work(queue, API)
    claimed = [each for _ in range(2) for each in queue.claim_work("serve-events", WorkKind, 10, LEASE)]
    assert [(each.key, each.interruptions) for each in claimed] == [(WEB, 1), (API, 0)]


def test_interrupted_work_is_claimed_one_item_at_a_time(queue):
    request_work(queue, WEB, API)
    interrupt_work(queue, WEB, API)
    request_work(queue, NODE, priority=WorkPriority.EXPLOITED)
    claims = [[(each.key, each.interruptions) for each in queue.claim_work("a", WorkKind, 10, LEASE)] for _ in "123"]
    assert claims[0] == [(NODE, 0)]
    assert sorted(claims[1:], key=str) == [[(API, 1)], [(WEB, 1)]]


def test_claim_of_other_work_does_not_include_interrupted_work(queue):
    request_work(queue, WEB)
    assert queue.claim_work("a", WorkKind, 10, LEASE)
    request_work(queue, API)
    interrupt_work(queue, API)
    for _ in range(2):
        queue.release_claims("a")
        assert [each.key for each in queue.claim_work("a", WorkKind, 10, LEASE)] == [WEB]
        assert [each.key for each in queue.claim_work("a", WorkKind, 10, LEASE)] == [API]


def test_new_request_does_not_shorten_the_wait_of_work_that_killed_processes(queue, state_location):
    request_work(queue, WEB)
    interrupt_work(queue, WEB, times=MAX_INTERRUPTIONS)
    [claimed] = queue.claim_work("a", WorkKind, 10, LEASE)
    queue.delay_work("a", claimed, MINUTE)
    request_work(queue, WEB, API, priority=WorkPriority.USER)
    assert [each.key for each in queue.claim_work("a", WorkKind, 10, LEASE)] == [API]
    assert queue.claim_work("a", WorkKind, 10, LEASE) == ()
    visits = {each.kind: each for each in DatabaseMetricsReader(state_location.database()).compute_pending_figures()}
    assert (visits[WorkKind.VISIT].interrupted, visits[WorkKind.VISIT].failing) == (1, 0)
    [failing] = DatabaseServiceReader(state_location.database()).list_failing(10)
    assert (failing.key, failing.interruptions) == (WEB, MAX_INTERRUPTIONS)
