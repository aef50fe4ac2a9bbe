"""Looks up the tags of a registry at regular intervals, because many registries send no events."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bot.model.errors import RegistryError
from bot.model.image import TagDescriptor
from bot.model.image_name import TagRef
from bot.model.run_scope import RunScope
from bot.model.vocabulary import Reason, RunLevel
from bot.model.work import ClaimedWork, PollWork, TagWork, WorkPriority, WorkReason, WorkRequest
from bot.pipeline.run_context import RunContext
from bot.pipeline.worker_pool import WorkerPool
from bot.ports import Clock
from bot.serve.job import Done, Failed, JobResult
from bot.serve.visit_job import RunBuilder
from bot.state.inventory.event_inventory import DatabaseEventInventory

TAGS_PER_POLL = 300
"""The usual number of tags that one poll looks up. If a registry has more tags, they are spread over several polls
within the interval. Docker Hub allows several thousand requests per minute.
"""
JITTER = 0.5
"""The largest part by which the time between two polls is randomly shortened, so that many installations do not poll at
the same time.
"""


def choose_delay(tag_count: int, interval: timedelta) -> timedelta:
    """Return the time until the next poll of a registry with this number of tags."""
    polls_per_interval = max(1, math.ceil(tag_count / TAGS_PER_POLL))
    return interval / polls_per_interval * random.uniform(1 - JITTER, 1)  # noqa: S311 - not a secret


def select_tags(
    last_lookups: Mapping[TagRef, datetime | None], now: datetime, interval: timedelta, delay: timedelta
) -> list[TagRef]:
    """Return the tags that a poll looks up. Tags whose last lookup is the longest ago come first.

    The result contains every tag whose last lookup would be longer ago than `interval` at the next poll, after `delay`.
    The result contains more tags if this makes all polls look up about the same number of tags. A late poll therefore
    looks up more tags, and leaves none out.

    `last_lookups` contains None for a tag that was never looked up. A time after `now` counts as None, because it was
    written by a machine with a wrong clock.
    """
    never = datetime.min.replace(tzinfo=UTC)
    times = {tag_ref: at if at is not None and at <= now else never for tag_ref, at in last_lookups.items()}
    oldest_first = sorted(times, key=lambda each: (times[each], each.repository, each.tag))
    overdue = sum(at <= now + delay - interval for at in times.values())
    share = math.ceil(len(times) * (delay / interval))
    return oldest_first[: max(overdue, share)]


POLL_POOL = WorkerPool(4)
"""The number of requests that a poll sends at the same time. The number is small, because nobody waits for a poll. In
addition, all these requests still reach the registry after its first error response.
"""
MAX_PAUSE = timedelta(hours=6)
"""The longest time for which a response of a registry delays the next poll. Docker Hub counts pulls over six hours."""
MAX_ERRORS = 10
"""The number of errors after which a poll stops. During an outage, a registry answers every request with an error."""
_STOPPING_REASONS = frozenset({Reason.RATE_LIMITED, Reason.UNREACHABLE})
"""The errors after which a poll stops at once, because the other tags of the registry would fail, too."""


@dataclass(slots=True)
class _Lookups:
    """The results of one poll."""

    descriptors: dict[TagRef, TagDescriptor] = field(default_factory=dict)
    errors: list[RegistryError] = field(default_factory=list)
    """The errors that count as failures of the poll."""
    is_stopped: bool = False
    """True if the poll stopped before all tags were looked up."""


class PollJob:
    """Looks up tags that base branches use, and requests work for the tags that have a new digest."""

    def __init__(
        self, build_run: RunBuilder, inventory: DatabaseEventInventory, interval: timedelta, clock: Clock
    ) -> None:
        """Create a job. `interval` is the longest time between two lookups of a tag."""
        self._build_run, self._inventory = build_run, inventory
        self._interval, self._clock = interval, clock
        self._attempts: dict[str, dict[TagRef, datetime]] = {}
        """The last attempts of this process for each registry. The state contains only successful lookups. Without the
        failed attempts, each poll would begin with the tags that do not exist.
        """

    def __call__(self, claimed: Sequence[ClaimedWork]) -> Iterator[JobResult]:
        """Yield the result of each poll. Raises BasebumpError if the config or the state cannot be used."""
        context = self._build_run(RunLevel.REPORT, RunScope()).context
        for each in claimed:
            yield self._poll(each, context)

    def _poll(self, claimed: ClaimedWork, context: RunContext) -> JobResult:
        host, now = _get_host(claimed), self._clock.now()
        last_lookups = self._load_last_lookups(host)
        if not last_lookups:
            return Done(claimed, "no tags of this registry are used any more")
        delay = choose_delay(len(last_lookups), self._interval)
        tag_refs = select_tags(last_lookups, now, self._interval, delay)
        before = context.state.lookups.load_descriptors(tag_refs)
        lookups = self._look_up(tag_refs, before, context, now)
        moved = self._find_moved(lookups.descriptors, before)
        # The visits record the new digest of a tag. If this process is killed before, the next poll still finds the
        # tag's users.
        unmoved = {each: lookups.descriptors[each] for each in lookups.descriptors if each not in moved}
        context.state.lookups.record_tags(unmoved, now)
        requests = tuple(
            WorkRequest(TagWork(each), WorkPriority.CHANGE, WorkReason.TAG_MOVED, claimed.trace) for each in moved
        )
        summary = f"{len(moved)} of {len(lookups.descriptors)} tags moved"
        if lookups.errors:
            summary += f"; {len(lookups.errors)} failed: {lookups.errors[0]}"
        if lookups.is_stopped:
            pause = _find_pause(lookups.errors)
            return Failed(claimed, summary, max(delay, pause), pause, requests)
        return Done(claimed, summary, requests=requests, repeat_after=delay)

    def _load_last_lookups(self, host: str) -> Mapping[TagRef, datetime | None]:
        """Return the time of the last lookup or attempt for each tag of a registry."""
        stored, attempts = self._inventory.list_lookups(host), self._attempts.get(host, {})
        self._attempts[host] = {each: at for each, at in attempts.items() if each in stored}
        return {
            each: max((time for time in (at, attempts.get(each)) if time is not None), default=None)
            for each, at in stored.items()
        }

    def _look_up(
        self, tag_refs: Sequence[TagRef], before: Mapping[TagRef, TagDescriptor], context: RunContext, now: datetime
    ) -> _Lookups:
        """Look up tags of one registry. Stop if the registry limits requests or does not respond."""
        lookups = _Lookups()

        def look_up(tag_ref: TagRef) -> None:
            if lookups.is_stopped:
                return
            try:
                lookups.descriptors[tag_ref] = context.registry.fetch_descriptor(tag_ref, before.get(tag_ref))
            except RegistryError as error:
                if error.is_failure:
                    lookups.errors.append(error)
                if error.reason in _STOPPING_REASONS or len(lookups.errors) >= MAX_ERRORS:
                    lookups.is_stopped = True
                    return
            self._attempts[tag_ref.host][tag_ref] = now

        POLL_POOL.map(look_up, tag_refs)
        return lookups

    def _find_moved(
        self, descriptors: Mapping[TagRef, TagDescriptor], before: Mapping[TagRef, TagDescriptor]
    ) -> list[TagRef]:
        """Return the tags with a new digest, and the tags whose digest some base branch did not take into account yet.

        A visit of one repository records the new digest of a tag, but does not read the other users of the tag.
        """
        settled = self._inventory.list_settled_digests(descriptors.keys())
        return sorted(
            tag_ref
            for tag_ref, each in descriptors.items()
            if tag_ref not in before
            or before[tag_ref].digest != each.digest
            or settled.get(tag_ref, frozenset()) - {each.digest}
        )


def _find_pause(errors: Iterable[RegistryError]) -> timedelta:
    """Return the longest time for which the registry asked to wait, up to MAX_PAUSE."""
    return min(max((each.retry_after for each in errors), default=timedelta()), MAX_PAUSE)


def _get_host(claimed: ClaimedWork) -> str:
    if not isinstance(claimed.key, PollWork):
        raise TypeError(type(claimed.key).__name__)
    return claimed.key.host
