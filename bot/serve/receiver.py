"""Receives deliveries of events: checks their proof, stores them, and requests the work that they lead to.

A sender gets a response after the delivery and its work are stored, and before any work is done. Deliveries that are
proved get a response of success even if basebump does nothing about them, because senders stop sending to receivers
that report errors.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.markdown import make_one_line
from bot.model.delivery import (
    Delivery,
    DeliveryOutcome,
    Event,
    EventRequest,
    HandshakeReply,
    ParsedDelivery,
    RepositoryChanged,
    TagPushed,
    UnreadableDeliveryError,
)
from bot.model.reference import TagRef
from bot.model.work import SweepWork, TagWork, VisitWork, WorkPriority, WorkReason, WorkRequest
from bot.ports import Clock
from bot.serve.http import JSON, Request, Response
from bot.serve.http_server import MAX_BODY, MAX_LARGE_BODY
from bot.serve.json_log import JsonLog
from bot.work_ports import DeliveryLog, EventInventory, EventSender

BURST_SILENCE = timedelta(seconds=2)
"""A tag is looked up when no event named it for this time: a build pushes several tags, and some of them twice."""
LONGEST_BURST = timedelta(seconds=20)
"""A tag is looked up after this time at the latest."""
PUSH_DELAY, LONGEST_PUSH_DELAY = timedelta(seconds=5), timedelta(minutes=1)
"""How long a repository is left alone after a push, and at most. Developers often push several times in a row."""
NEW_REPOSITORY_DELAY, LONGEST_NEW_REPOSITORY_DELAY = timedelta(minutes=1), timedelta(minutes=10)
"""How long to wait for further new repositories before all repositories are listed."""
MAX_RATE = 500
"""The maximum number of proved deliveries of one sender within a second. A whole fleet of builds sends a few."""
MAX_REFUSAL_RATE = 1
"""How many refused deliveries of one sender are stored within a second. Others are not even counted, so that a flood of
them costs no more than the computation of their proofs, and cannot keep out deliveries that are proved."""
MAX_SUBJECTS = 20
"""The maximum number of tags or repositories that the record of a delivery names."""
MAX_SUBJECT_LENGTH = 200
_ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class ConfiguredSender:
    """A sender of the config with its secret."""

    name: str
    kind: str
    sender: EventSender
    secret: str
    registry: str | None = None
    is_forge: bool = False


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a delivery leads to."""

    outcome: DeliveryOutcome
    subjects: tuple[str, ...] = ()
    requests: tuple[WorkRequest, ...] = ()


class Receiver:
    """Answers `POST /events/NAME`, and `OPTIONS` for senders that require a handshake."""

    def __init__(
        self,
        senders: Iterable[ConfiguredSender],
        inventory: EventInventory,
        service_log: DeliveryLog,
        clock: Clock,
        log: JsonLog,
    ) -> None:
        self._senders = {each.name: each for each in senders}
        self._rates = {name: _RateLimit(MAX_RATE) for name in self._senders}
        self._refusal_rates = {name: _RateLimit(MAX_REFUSAL_RATE) for name in self._senders}
        self._inventory, self._service_log = inventory, service_log
        self._clock, self._log = clock, log

    def receive(self, request: Request, path_parts: Mapping[str, str]) -> Response:
        """Store a delivery, and return the response. Raises StateError; the sender should then repeat the delivery."""
        configured = self._senders.get(path_parts["name"])
        if configured is None:
            return Response(404, b"not found\n")
        if len(request.body) > (MAX_LARGE_BODY if configured.is_forge else MAX_BODY):
            return Response(413, b"too large\n")
        now, trace = self._clock.now(), secrets.token_hex(_ID_BYTES)
        event_request = EventRequest(request.method, request.headers, request.query, request.body)
        if not configured.sender.is_proved(event_request, configured.secret, now):
            return self._refuse(configured, now)
        if not self._rates[configured.name].allows():
            return Response(503, b"too many requests\n", headers=(("Retry-After", "1"),))
        try:
            parsed = configured.sender.parse_delivery(event_request, configured.registry)
        except UnreadableDeliveryError as error:
            unreadable = Delivery(configured.name, f"unreadable-{trace}", now, DeliveryOutcome.UNREADABLE, trace)
            self._service_log.record_delivery(unreadable, ())
            self._log.write("delivery", trace=trace, sender=configured.name, outcome="unreadable", error=str(error))
            return Response(202)
        if parsed.handshake is not None:
            self._log.write("handshake", sender=configured.name)
            return _build_handshake_response(parsed.handshake)
        return self._accept(configured, parsed, now, trace)

    def _refuse(self, configured: ConfiguredSender, now: datetime) -> Response:
        """Count a delivery that is not proved. The response does not say why, so that it helps no attacker."""
        unauthorized = Response(401, b"unauthorized\n")
        if not self._refusal_rates[configured.name].allows():
            return unauthorized
        record_id = f"refused-{now:%Y-%m-%dT%H}"
        refused = Delivery(configured.name, record_id, now, DeliveryOutcome.REFUSED, "")
        if self._service_log.record_delivery(refused, ()):
            self._log.write("delivery", sender=configured.name, outcome="refused")
        return unauthorized

    def _accept(self, configured: ConfiguredSender, parsed: ParsedDelivery, now: datetime, trace: str) -> Response:
        plan = self._plan(configured, parsed.events, trace, now)
        subjects = tuple(make_one_line(each, MAX_SUBJECT_LENGTH) for each in plan.subjects[:MAX_SUBJECTS])
        delivery = Delivery(configured.name, parsed.id, now, plan.outcome, trace, subjects)
        is_new = self._service_log.record_delivery(delivery, plan.requests)
        outcome = plan.outcome.value if is_new else "repeated"
        self._log.write(
            "delivery", trace=trace, sender=configured.name, id=parsed.id, outcome=outcome, subjects=list(subjects)
        )
        return Response(202)

    def _plan(self, configured: ConfiguredSender, events: Iterable[Event], trace: str, now: datetime) -> _Plan:
        pushed = [each for each in events if isinstance(each, TagPushed)]
        changed = [each for each in events if isinstance(each, RepositoryChanged)]
        used = self._inventory.select_used_tags({each.tag_ref for each in pushed}) if pushed else frozenset[TagRef]()
        requests = [_build_tag_request(tag_ref, trace, now) for tag_ref in sorted(used)]
        for each in changed:
            requests += self._plan_repository(configured, each, trace)
        subjects = (*(str(each.tag_ref) for each in pushed), *(each.repository for each in changed))
        if requests:
            return _Plan(DeliveryOutcome.ACCEPTED, subjects, tuple(requests))
        return _Plan(DeliveryOutcome.NOT_USED if subjects else DeliveryOutcome.IGNORED, subjects)

    def _plan_repository(self, configured: ConfiguredSender, event: RepositoryChanged, trace: str) -> list[WorkRequest]:
        """Return the visits that an event of a forge leads to, or a sweep if the repository is not known yet."""
        branches = [
            each for each in self._inventory.list_base_branches(event.repository) if each.forge == configured.kind
        ]
        if not branches:
            if event.reason is not WorkReason.REPOSITORY_CHANGED:
                return []
            return [_build_sweep_request(trace)]
        if event.branch is not None and event.branch not in {each.base_branch for each in branches}:
            return []
        keys = sorted({VisitWork(each.forge, each.host, each.repository) for each in branches})
        return [_build_visit_request(key, event, trace) for key in keys]


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


def _build_sweep_request(trace: str) -> WorkRequest:
    return WorkRequest(
        SweepWork(),
        WorkPriority.SWEEP,
        WorkReason.REPOSITORY_CHANGED,
        trace,
        delay=NEW_REPOSITORY_DELAY,
        longest_delay=LONGEST_NEW_REPOSITORY_DELAY,
    )


def _build_visit_request(key: VisitWork, event: RepositoryChanged, trace: str) -> WorkRequest:
    if event.is_by_user:
        return WorkRequest(key, WorkPriority.USER, event.reason, trace)
    return WorkRequest(
        key, WorkPriority.CHANGE, event.reason, trace, delay=PUSH_DELAY, longest_delay=LONGEST_PUSH_DELAY
    )


def _build_handshake_response(reply: HandshakeReply) -> Response:
    body = b"" if reply.document is None else json.dumps(dict(reply.document)).encode()
    return Response(200, body, JSON, tuple(reply.headers.items()))


class _RateLimit:
    """Counts events within a second. Several threads may use it at the same time."""

    def __init__(self, limit: int) -> None:
        self._limit, self._second, self._count = limit, 0, 0
        self._lock = threading.Lock()

    def allows(self) -> bool:
        """Count an event. Return False if there were too many within the present second."""
        second = int(time.monotonic())
        with self._lock:
            if second != self._second:
                self._second, self._count = second, 0
            self._count += 1
            return self._count <= self._limit
