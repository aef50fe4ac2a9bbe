"""Receives deliveries of events: checks their proof, stores them, and requests the work that they lead to.

A sender gets a response after the delivery and its work are stored, and before any work is done. A delivery with a
valid proof gets a success response even if basebump ignores it, because senders stop sending to receivers that report
errors.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, islice

from bot.core.markdown import make_one_line
from bot.model.delivery import (
    REPEATED,
    Delivery,
    DeliveryOutcome,
    Event,
    EventRequest,
    HandshakeReply,
    ParsedDelivery,
    RepositoryChanged,
    SenderKind,
    TagPushed,
    UnreadableDeliveryError,
)
from bot.model.image_name import TagRef
from bot.model.work import SweepWork, TagWork, VisitWork, WorkPriority, WorkReason, WorkRequest
from bot.ports import Clock
from bot.serve.http import JSON, HttpRequest, Response
from bot.serve.http_server import MAX_BODY, MAX_LARGE_BODY
from bot.serve.json_log import JsonLog
from bot.state.inventory.event_inventory import DatabaseEventInventory
from bot.work_ports import DeliveryLog, EventSender

BURST_SILENCE = timedelta(seconds=2)
"""A tag is looked up when no event has named it for this time, because a build can push the same tag twice."""
LONGEST_BURST = timedelta(seconds=20)
"""The longest time between the first event about a tag and its lookup."""
PUSH_DELAY, LONGEST_PUSH_DELAY = timedelta(seconds=5), timedelta(minutes=1)
"""The delay between a push and the visit of the repository. Each further push restarts the delay. The second value is
the longest delay.
"""
NEW_REPOSITORY_DELAY, LONGEST_NEW_REPOSITORY_DELAY = timedelta(minutes=1), timedelta(minutes=10)
"""How long to wait for further new repositories before all repositories are listed: after each, and at most."""
MAX_RATE = 500
"""The maximum number of deliveries with a valid proof from one sender within a second. Usually, there are only a
few.
"""
MAX_REFUSAL_RATE = 1
"""How many refused deliveries of one sender are stored within a second. Further refused deliveries are not even
counted. A flood of them therefore costs only the check of their proofs, and cannot keep out deliveries with a valid
proof.
"""
MAX_TAGS = 100
"""The maximum number of tags of one repository that are looked up because of one delivery. If rules choose among the
tags of a repository, every tag name counts as used, and all tags have the same users.
"""
MAX_USER_RATE, USER_PERIOD = 10, timedelta(minutes=10)
"""How many requests by users of one repository are handled before all other work within `USER_PERIOD`. Further requests
have the priority of pushes. Otherwise, a program that ticks checkboxes again and again would delay the proposals of
others.
"""
MAX_SWEEP_RATE, SWEEP_PERIOD = 5, timedelta(minutes=30)
"""How many early sweeps one sender can cause within `SWEEP_PERIOD` by reporting new repositories. Sweeps for further
reports wait for the longest delay, because everyone who can rename a repository could otherwise use up the quota of the
forge."""
MAX_SUBJECTS = 20
"""The maximum number of tags or repositories in the record of a delivery."""
MAX_SUBJECT_LENGTH = 200
_ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class ConfiguredSender:
    """A sender in the config, with its secret."""

    name: str
    kind: SenderKind
    sender: EventSender
    secret: str
    registry: str | None = None

    def is_proved_by_headers(
        self, clock: Clock, method: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> bool:
        """Return True if a request proves its sender without its body, which is not received yet.

        A signature covers the body, so that the signature of another body does not prove an empty one.
        """
        return self.sender.is_proved(EventRequest(method, headers, query, b""), self.secret, clock.now())


@dataclass(frozen=True, slots=True)
class _Plan:
    """The outcome of a delivery, and the work that it causes."""

    outcome: DeliveryOutcome
    subjects: tuple[str, ...] = ()
    requests: tuple[WorkRequest, ...] = ()


class Receiver:
    """Answers `POST /events/NAME`, and `OPTIONS` for senders that require a handshake."""

    def __init__(
        self,
        senders: Iterable[ConfiguredSender],
        inventory: DatabaseEventInventory,
        service_log: DeliveryLog,
        clock: Clock,
        log: JsonLog,
        own_tags: Collection[TagRef] = (),
    ) -> None:
        """Create a receiver.

        `own_tags` are the tags of own images in the config. These tags count as used even if no file contains them.
        """
        self._own_tags = frozenset(own_tags)
        self._senders = {each.name: each for each in senders}
        self._rates, self._refusal_rates = _RateLimit(MAX_RATE), _RateLimit(MAX_REFUSAL_RATE)
        self._user_rates = _RateLimit(MAX_USER_RATE, USER_PERIOD)
        self._sweep_rates = _RateLimit(MAX_SWEEP_RATE, SWEEP_PERIOD)
        self._inventory, self._service_log = inventory, service_log
        self._clock, self._log = clock, log

    def receive(self, request: HttpRequest, path_parts: Mapping[str, str]) -> Response:
        """Store a delivery, and return the response.

        Raises StateError if the state cannot be used. The sender should then repeat the delivery.
        """
        configured = self._senders.get(path_parts["name"])
        if configured is None:
            return Response(404, b"not found\n")
        if len(request.body) > (MAX_LARGE_BODY if configured.kind.is_forge else MAX_BODY):
            return Response(413, b"too large\n")
        now, trace = self._clock.now(), secrets.token_hex(_ID_BYTES)
        event_request = EventRequest(request.method, request.headers, request.query, request.body)
        if not configured.sender.is_proved(event_request, configured.secret, now):
            return self._refuse(configured, now)
        if not self._rates.allows(configured.name):
            return Response(503, b"too many requests\n", headers=(("Retry-After", "1"),))
        try:
            parsed = configured.sender.parse_delivery(event_request, configured.registry)
        except UnreadableDeliveryError as error:
            unreadable = Delivery(configured.name, f"unreadable-{trace}", now, DeliveryOutcome.UNREADABLE, trace)
            self._service_log.record_delivery(unreadable, ())
            self._log.write(
                "delivery",
                trace=trace,
                sender=configured.name,
                outcome=unreadable.outcome.value,
                error=str(error),
            )
            return Response(202)
        if parsed.handshake is not None:
            self._log.write("handshake", sender=configured.name)
            return _build_handshake_response(parsed.handshake)
        return self._accept(configured, parsed, now, trace)

    def _refuse(self, configured: ConfiguredSender, now: datetime) -> Response:
        """Count a delivery without a valid proof.

        The response contains no reason, because a reason would help attackers.
        """
        unauthorized = Response(401, b"unauthorized\n")
        if not self._refusal_rates.allows(configured.name):
            return unauthorized
        record_id = f"refused-{now:%Y-%m-%dT%H}"
        refused = Delivery(configured.name, record_id, now, DeliveryOutcome.REFUSED, "")
        if self._service_log.record_delivery(refused, ()):
            self._log.write("delivery", sender=configured.name, outcome=refused.outcome.value)
        return unauthorized

    def _accept(self, configured: ConfiguredSender, parsed: ParsedDelivery, now: datetime, trace: str) -> Response:
        plan = self._plan(configured, parsed.events, trace, now)
        subjects = tuple(make_one_line(each, MAX_SUBJECT_LENGTH) for each in plan.subjects[:MAX_SUBJECTS])
        delivery = Delivery(configured.name, parsed.id, now, plan.outcome, trace, subjects)
        is_new = self._service_log.record_delivery(delivery, plan.requests)
        outcome = plan.outcome.value if is_new else REPEATED
        self._log.write(
            "delivery", trace=trace, sender=configured.name, id=parsed.id, outcome=outcome, subjects=list(subjects)
        )
        return Response(202)

    def _plan(self, configured: ConfiguredSender, events: Iterable[Event], trace: str, now: datetime) -> _Plan:
        pushed = [each for each in events if isinstance(each, TagPushed)]
        changed = [each for each in events if isinstance(each, RepositoryChanged)]
        tags = {each.tag_ref for each in pushed}
        used = self._inventory.select_used_tags(tags) | (tags & self._own_tags) if tags else frozenset[TagRef]()
        requests = [_build_tag_request(tag_ref, trace, now) for tag_ref in _limit_tags(used)]
        for each in changed:
            requests += self._plan_repository(configured, each, trace)
        subjects = (*(str(each.tag_ref) for each in pushed), *(each.repository for each in changed))
        if requests:
            return _Plan(DeliveryOutcome.ACCEPTED, subjects, tuple(requests))
        return _Plan(DeliveryOutcome.NOT_USED if subjects else DeliveryOutcome.IGNORED, subjects)

    def _plan_repository(self, configured: ConfiguredSender, event: RepositoryChanged, trace: str) -> list[WorkRequest]:
        """Return the visits that a forge's event causes; a sweep if the repository is not known yet."""
        branches = [
            each for each in self._inventory.list_base_branches(event.repository) if each.forge == configured.kind
        ]
        if not branches:
            if event.reason is not WorkReason.REPOSITORY_CHANGED:
                return []
            return [_build_sweep_request(trace, is_early=self._sweep_rates.allows(configured.name))]
        if event.branch is not None and event.branch not in {each.base_branch for each in branches}:
            return []
        keys = sorted({VisitWork(each.forge, each.host, each.repository) for each in branches})
        is_urgent = event.is_by_user and self._user_rates.allows(event.repository)
        return [_build_visit_request(key, event.reason, trace, is_urgent=is_urgent) for key in keys]


def _limit_tags(tag_refs: Iterable[TagRef]) -> Iterator[TagRef]:
    """Yield at most MAX_TAGS tags of each repository."""
    for _, tags in groupby(sorted(tag_refs), key=lambda each: each.repository):
        yield from islice(tags, MAX_TAGS)


def _build_tag_request(tag_ref: TagRef, trace: str, now: datetime) -> WorkRequest:
    return WorkRequest(
        TagWork(tag_ref),
        WorkPriority.CHANGE,
        WorkReason.IMAGE_PUSHED,
        trace,
        delay=BURST_SILENCE,
        longest_delay=LONGEST_BURST,
        pushed_at=now,
    )


def _build_sweep_request(trace: str, *, is_early: bool) -> WorkRequest:
    return WorkRequest(
        SweepWork(),
        WorkPriority.SWEEP,
        WorkReason.REPOSITORY_CHANGED,
        trace,
        delay=NEW_REPOSITORY_DELAY if is_early else LONGEST_NEW_REPOSITORY_DELAY,
        longest_delay=LONGEST_NEW_REPOSITORY_DELAY,
    )


def _build_visit_request(key: VisitWork, reason: WorkReason, trace: str, *, is_urgent: bool) -> WorkRequest:
    if is_urgent:
        return WorkRequest(key, WorkPriority.USER, reason, trace)
    return WorkRequest(key, WorkPriority.CHANGE, reason, trace, delay=PUSH_DELAY, longest_delay=LONGEST_PUSH_DELAY)


def _build_handshake_response(reply: HandshakeReply) -> Response:
    body = b"" if reply.document is None else json.dumps(dict(reply.document)).encode()
    return Response(200, body, JSON, tuple(reply.headers.items()))


class _RateLimit:
    """Counts the events of each sender or repository within a period. Several threads can use the object."""

    def __init__(self, limit: int, period: timedelta = timedelta(seconds=1)) -> None:
        self._limit, self._seconds, self._period = limit, period.total_seconds(), 0
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def allows(self, name: str) -> bool:
        """Count an event. Return False if the name has too many events in the current period."""
        period = int(time.monotonic() / self._seconds)
        with self._lock:
            if period != self._period:
                self._period, self._counts = period, Counter()
            self._counts[name] += 1
            return self._counts[name] <= self._limit
