"""Pieces of work, as tests of the service and of its state request and finish them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bot.model.reference import TagRef
from bot.model.work import FinishedWork, TagWork, VisitWork, WorkKey, WorkPriority, WorkReason, WorkRequest
from bot.work_ports import WorkQueue

WEB, API = (VisitWork("github", "github.com", f"acme/{name}") for name in ("web", "api"))
NODE = TagWork(TagRef("docker.io/library/node", "22"))
LEASE = timedelta(minutes=5)


def build_work(key: WorkKey, priority: WorkPriority = WorkPriority.CHANGE, **more: Any) -> WorkRequest:
    """Return a request for work because an image was pushed."""
    return WorkRequest(key, priority, WorkReason.IMAGE_PUSHED, "trace-1", **more)


def request_work(queue: WorkQueue, *keys: WorkKey, **more: Any) -> None:
    queue.request_work([build_work(key, **more) for key in keys])


def finish_work(queue: WorkQueue, key: WorkKey, ended_at: datetime, result: str = "done", **more: Any) -> None:
    """Request a piece of work, claim it and finish it."""
    request_work(queue, key)
    [claimed] = queue.claim_work("worker", [key.kind], 1, LEASE)
    record = FinishedWork(key, claimed.trace, claimed.reason, ended_at, ended_at, result, **more)
    queue.finish_work("worker", claimed, record)
