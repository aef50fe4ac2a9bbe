"""Pieces of work, as tests of the service and of its state request and finish them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.waiting import wait_until

from bot.model.image_name import TagRef
from bot.model.work import ClaimedWork, FinishedWork, TagWork, VisitWork, WorkKey, WorkPriority, WorkReason, WorkRequest
from bot.state.work import queue as work_queue
from bot.state.work.queue import DatabaseWorkQueue
from bot.work_ports import WorkQueue

WEB, API = (VisitWork("github", "github.com", f"acme/{name}") for name in ("web", "api"))
NODE = TagWork(TagRef("docker.io/library/node", "22"))
LEASE = timedelta(minutes=5)


def build_work(key: WorkKey, priority: WorkPriority = WorkPriority.CHANGE, **more: Any) -> WorkRequest:
    """Return a request for work because an image was pushed."""
    return WorkRequest(key, priority, WorkReason.IMAGE_PUSHED, "trace-1", **more)


def request_work(queue: WorkQueue, *keys: WorkKey, **more: Any) -> None:
    queue.request_work([build_work(key, **more) for key in keys])


def interrupt_work(queue: DatabaseWorkQueue, *keys: WorkKey, times: int = 1) -> None:
    """Claim the only due work and interrupt it several times, as the end of a worker process does."""
    for number in range(times):
        claimed = _claim_work(queue, f"ended-{number}", keys)
        assert {each.key for each in claimed} == set(keys)
        queue._sessions.close_session(f"ended-{number}")


def _claim_work(queue: DatabaseWorkQueue, worker: str, keys: Collection[WorkKey]) -> Sequence[ClaimedWork]:
    """Claim work as soon as PostgreSQL has noticed that the session of the previous worker was closed."""
    claimed: list[ClaimedWork] = []

    def claim() -> bool:
        claimed.extend(queue.claim_work(worker, {each.kind for each in keys}, len(keys), timedelta()))
        return bool(claimed)

    wait_until(claim)
    return claimed


def finish_work(queue: WorkQueue, key: WorkKey, ended_at: datetime, result: str = "done", **more: Any) -> None:
    """Request a piece of work, claim it and finish it."""
    request_work(queue, key)
    [claimed] = queue.claim_work("worker", [key.kind], 1, LEASE)
    record = FinishedWork(key, claimed.trace, claimed.reason, ended_at, ended_at, result, **more)
    queue.finish_work("worker", claimed, record)


def set_clock(monkeypatch: pytest.MonkeyPatch, ahead: timedelta) -> None:
    """Let queues read a clock that is ahead of the clock of this machine."""
    monkeypatch.setattr(work_queue, "read_time", lambda _: datetime.now(UTC) + ahead)
