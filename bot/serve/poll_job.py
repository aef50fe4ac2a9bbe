"""Looks up the tags of a registry from time to time, because many registries send no events to users."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from bot.model.errors import RegistryError
from bot.model.image import TagDescriptor
from bot.model.reference import TagRef
from bot.model.run_scope import RunScope
from bot.model.vocabulary import Reason, RunLevel
from bot.model.work import ClaimedWork, PollWork, TagWork, WorkPriority, WorkReason, WorkRequest
from bot.ports import Clock
from bot.serve.job import Done, Failed, JobResult
from bot.serve.visit_job import RunBuilder
from bot.work_ports import EventInventory

MAX_TAGS_PER_POLL = 300
"""The maximum number of tags that one poll looks up. The tags of a registry that has more are spread over several polls
within the interval. Docker Hub allows several thousand requests per minute."""
JITTER = 0.5
"""The part of the interval that is added at random, so that many installations do not poll at the same time."""


class PollJob:
    """Looks up tags that base branches use, and requests work for those that moved."""

    def __init__(self, build_run: RunBuilder, inventory: EventInventory, interval: timedelta, clock: Clock) -> None:
        self._build_run, self._inventory = build_run, inventory
        self._interval, self._clock = interval, clock

    def __call__(self, claimed: Sequence[ClaimedWork]) -> Iterator[JobResult]:
        """Yield the result of each poll. Raises BasebumpError if the config or the state cannot be used."""
        tag_refs = [each for each in self._inventory.list_tags() if each.tag]
        for each in claimed:
            if not isinstance(each.key, PollWork):
                raise TypeError(type(each.key).__name__)
            host = each.key.host
            yield self._poll(each, [tag_ref for tag_ref in tag_refs if tag_ref.host == host])

    def _poll(self, claimed: ClaimedWork, tag_refs: Sequence[TagRef]) -> JobResult:
        slices = -(-len(tag_refs) // MAX_TAGS_PER_POLL) or 1
        now, interval = self._clock.now(), self._interval / slices
        tag_refs = [each for each in tag_refs if _is_in_slice(each, now, interval, slices)]
        repeat_after = interval * random.uniform(1, 1 + JITTER)  # noqa: S311 - not a secret
        context = self._build_run(RunLevel.REPORT, RunScope()).context
        before = context.state_store.load_descriptors(tag_refs)
        is_stopped = threading.Event()
        errors: list[RegistryError] = []

        def look_up(tag_ref: TagRef) -> TagDescriptor | None:
            if is_stopped.is_set():
                return None
            try:
                return context.registry.fetch_descriptor(tag_ref, before.get(tag_ref))
            except RegistryError as error:
                if error.is_failure:
                    errors.append(error)
                if error.reason in (Reason.RATE_LIMITED, Reason.UNREACHABLE):
                    is_stopped.set()
                return None

        found = zip(tag_refs, context.registry_pool.map(look_up, tag_refs), strict=True)
        descriptors = {tag_ref: descriptor for tag_ref, descriptor in found if descriptor is not None}
        moved = [
            tag_ref
            for tag_ref, each in descriptors.items()
            if tag_ref not in before or before[tag_ref].digest != each.digest
        ]
        context.state_store.record_tags({each: descriptors[each] for each in descriptors if each not in moved}, now)
        if errors and not moved:
            return Failed(claimed, str(errors[0]), repeat_after)
        requests = tuple(
            WorkRequest(TagWork(each), WorkPriority.CHANGE, WorkReason.TAG_MOVED, claimed.trace) for each in moved
        )
        summary = f"{len(moved)} of {len(descriptors)} tags moved"
        return Done(claimed, summary, requests=requests, repeat_after=repeat_after)


def _is_in_slice(tag_ref: TagRef, now: datetime, interval: timedelta, slices: int) -> bool:
    """Return True if a tag belongs to the part of the tags that is looked up now. The parts take turns."""
    turn = int(now.timestamp() // interval.total_seconds()) % slices
    return int.from_bytes(sha256(str(tag_ref).encode()).digest()[:8]) % slices == turn
