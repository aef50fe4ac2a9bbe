"""The loops of a service: what they do with results, errors and bugs, and what they do beside each other."""

from __future__ import annotations

import io
import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from support.service.work import API, WEB, interrupt_work, request_work
from support.waiting import wait_until

from bot.model.errors import ForgeError
from bot.model.work import (
    EVENT_LOOP,
    MAX_INTERRUPTIONS,
    USER_LOOP,
    WorkKind,
    WorkPriority,
)
from bot.queues.thread_signal import ThreadSignal
from bot.serve import worker
from bot.serve.claim_keeper import ClaimKeeper
from bot.serve.job import MAX_STRETCH, NOT_YET_DELAYS, RETRY_DELAYS, Done, Failed, NotYet, find_interruption_delay
from bot.serve.json_log import JsonLog
from bot.serve.worker import WorkLoop
from bot.state.database import Database
from bot.state.work.queue import DatabaseWorkQueue
from bot.state.work.service_log import DatabaseServiceLog
from bot.wiring import SystemClock


class WorkerScene:
    """A queue in a file, and loops that do its visits by a function."""

    def __init__(self, folder) -> None:
        database = Database.sqlite(folder / "state.db")
        self.signal = ThreadSignal()
        self.queue, self.service_log = DatabaseWorkQueue(database, self.signal), DatabaseServiceLog(database)
        self.stream = io.StringIO()
        self.log = JsonLog(SystemClock(), self.stream)
        self.stop = threading.Event()
        self.threads = []

    def loop(self, job, scope=EVENT_LOOP) -> WorkLoop:
        return WorkLoop(
            worker=scope.name,
            scope=scope,
            jobs={WorkKind.VISIT: job},
            queue=self.queue,
            keeper=ClaimKeeper(scope.name, self.queue, lambda _: None, self.log),
            wait=self.signal.create_waiter(),
            clock=SystemClock(),
            log=self.log,
        )

    def start(self, job, scope=EVENT_LOOP) -> None:
        thread = threading.Thread(target=self.loop(job, scope).run, args=(self.stop,))
        self.threads.append(thread)
        thread.start()

    def end(self) -> None:
        self.stop.set()
        self.signal.send()
        for thread in self.threads:
            thread.join(60)

    def request(self, *keys, **more) -> None:
        request_work(self.queue, *keys, **more)

    def waiting(self):
        return {each.key: each for each in self.service_log.list_pending(10)}

    def finished(self):
        return {each.key: each for each in self.service_log.list_finished(10)}


@pytest.fixture
def worker_scene(tmp_path):
    worker_scene = WorkerScene(tmp_path)
    yield worker_scene
    worker_scene.end()


def test_visit_requested_by_user_does_not_wait_for_a_long_visit(worker_scene):
    is_long_job_done, visited = threading.Event(), []

    def visit(claimed):
        if any(each.key == WEB for each in claimed):
            is_long_job_done.wait(120)
        visited.extend(each.key for each in claimed)
        yield from (Done(each, "read") for each in claimed)

    worker_scene.request(WEB)
    worker_scene.start(visit)
    wait_until(lambda: worker_scene.queue.compute_figures().claimed == 1)
    worker_scene.start(visit, USER_LOOP)
    worker_scene.request(API, priority=WorkPriority.USER)
    wait_until(lambda: visited == [API])
    is_long_job_done.set()
    wait_until(lambda: visited == [API, WEB])


def test_error_in_a_job_fails_only_work_that_had_no_result_yet(worker_scene):
    def visit(claimed):
        yield next(Done(each, "read") for each in claimed if each.key == API)
        raise ForgeError("github.com does not answer")

    worker_scene.request(WEB, API)
    assert worker_scene.loop(visit).do_next()
    assert worker_scene.finished()[API].result == "read"
    failed = worker_scene.waiting()[WEB]
    assert (failed.attempts, failed.error) == (1, "github.com does not answer")
    assert timedelta() < failed.due_at - datetime.now(UTC) <= RETRY_DELAYS[0]


def test_bug_in_a_job_is_logged_and_the_work_is_retried(worker_scene):
    def visit(claimed):
        raise ZeroDivisionError("a mistake")
        yield from claimed

    worker_scene.request(WEB)
    assert worker_scene.loop(visit).do_next()
    assert "basebump has a bug: ZeroDivisionError" in (worker_scene.waiting()[WEB].error or "")
    assert '"event": "bug"' in worker_scene.stream.getvalue()


def test_work_is_finished_as_failed_after_the_last_retry(worker_scene, monkeypatch):
    monkeypatch.setattr("bot.serve.worker.RETRY_DELAYS", (timedelta(),) * 2)

    def visit(claimed):
        yield from (Failed(each, "no") for each in claimed)

    worker_scene.request(WEB)
    loop = worker_scene.loop(visit)
    while loop.do_next():
        pass
    assert worker_scene.waiting() == {}
    assert (worker_scene.finished()[WEB].is_failure, worker_scene.finished()[WEB].result) == (True, "no")


def test_work_that_repeatedly_crashes_processes_is_delayed_behind_other_work(worker_scene):
    visited = []

    def visit(claimed):
        visited.extend(each.key for each in claimed)
        yield from (Done(each, "read") for each in claimed)

    worker_scene.request(WEB)
    interrupt_work(worker_scene.queue, WEB, times=MAX_INTERRUPTIONS)
    worker_scene.request(API)
    loop = worker_scene.loop(visit)
    while loop.do_next():
        pass
    assert visited == [API]
    [entry] = (each for line in worker_scene.stream.getvalue().splitlines() if (each := json.loads(line)).get("delay"))
    assert (entry["event"], entry["subject"], entry["interruptions"]) == ("work-interrupted", str(WEB), 3)
    wait = worker_scene.waiting()[WEB].due_at - datetime.now(UTC)
    assert entry["delay"] - 10 < wait.total_seconds() <= entry["delay"] + 0.5


def test_work_of_a_killed_process_is_done_without_delay(worker_scene):
    worker_scene.request(WEB)
    interrupt_work(worker_scene.queue, WEB, times=MAX_INTERRUPTIONS - 1)
    assert worker_scene.loop(lambda claimed: (Done(each, "read") for each in claimed)).do_next()
    assert worker_scene.finished()[WEB].result == "read"
    assert '"interruptions": 2, "delay": 0}' in worker_scene.stream.getvalue()


def test_delays_after_interruptions_grow_to_a_maximum_and_are_randomised():
    waits = [find_interruption_delay(number) for number in range(9)]
    shortest = [timedelta()] * MAX_INTERRUPTIONS + [*RETRY_DELAYS, RETRY_DELAYS[-1], RETRY_DELAYS[-1]]
    assert all(least <= wait <= MAX_STRETCH * least for least, wait in zip(shortest, waits, strict=True))
    assert len({find_interruption_delay(MAX_INTERRUPTIONS) for _ in range(5)}) == 5


def test_work_that_cannot_be_done_yet_is_retried_a_few_times_without_failing(worker_scene, monkeypatch):
    monkeypatch.setattr("bot.serve.worker.NOT_YET_DELAYS", (timedelta(),) * len(NOT_YET_DELAYS))
    attempts = []

    def visit(claimed):
        attempts.append(claimed[0].attempts)
        yield from (NotYet(each, "still old") for each in claimed)

    worker_scene.request(WEB)
    loop = worker_scene.loop(visit)
    while loop.do_next():
        pass
    assert attempts == list(range(len(NOT_YET_DELAYS) + 1))
    assert (worker_scene.finished()[WEB].is_failure, worker_scene.waiting()) == (False, {})


def test_worker_loop_continues_after_the_state_could_not_be_used(worker_scene, monkeypatch, tmp_path):
    monkeypatch.setattr("bot.serve.worker.WAIT_AFTER_ERROR", timedelta(milliseconds=50))
    visited = []

    def visit(claimed):
        visited.extend(claimed)
        yield from (Done(each, "read") for each in claimed)

    content = (tmp_path / "state.db").read_bytes()
    (tmp_path / "state.db").write_bytes(b"no database" * 1000)
    worker_scene.start(visit)
    wait_until(lambda: '"event": "state-error"' in worker_scene.stream.getvalue())
    (tmp_path / "restored.db").write_bytes(content)
    (tmp_path / "restored.db").replace(tmp_path / "state.db")  # SQLite would create an empty state in an empty file
    worker_scene.request(WEB)
    wait_until(lambda: len(visited) == 1)


def test_worker_loop_continues_after_a_bug_outside_of_a_job(worker_scene, monkeypatch):
    monkeypatch.setattr(worker, "WAIT_AFTER_ERROR", timedelta(milliseconds=20))
    claim, failures = worker_scene.queue.claim_work, [KeyError("odd"), TypeError("odd")]

    def fail_first(*arguments):
        if failures:
            raise failures.pop()
        return claim(*arguments)

    monkeypatch.setattr(worker_scene.queue, "claim_work", fail_first)
    worker_scene.request(WEB)
    worker_scene.start(lambda claimed: (Done(each, "done") for each in claimed))
    wait_until(worker_scene.finished)
    assert worker_scene.log.count_entries("bug") == 2
