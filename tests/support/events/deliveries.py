"""Deliveries of registries from `tests/events/deliveries/`, and the proofs that their senders add."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from bot.events.signed import SIGNATURE_HEADER, TIMESTAMP_HEADER
from bot.model.delivery import EventRequest, SenderKind

FOLDER = Path(__file__).parent.parent.parent / "events" / "deliveries"
SECRET = "0123456789abcdef-secret-of-a-test"
NOW = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SampleDelivery:
    """A delivery, with the tags that basebump must find in it."""

    kind: SenderKind
    name: str
    request: EventRequest
    """The request without a proof."""
    registry: str | None
    """The registry in the config."""
    tags: tuple[str, ...]
    digest: str | None
    """The digest of every tag."""


@dataclass(frozen=True, slots=True)
class SampleSender:
    """All sample deliveries of a kind of sender."""

    kind: SenderKind
    deliveries: tuple[SampleDelivery, ...]
    action: tuple[str, str] | None
    """The word for a push, and a word that the sender could use in a later release; None if it has no such word."""

    @property
    def pushes(self) -> tuple[SampleDelivery, ...]:
        return tuple(delivery for delivery in self.deliveries if delivery.tags)


def load_sender(kind: SenderKind) -> SampleSender:
    """Return the sample deliveries of a kind of sender."""
    document = json.loads((FOLDER / f"{kind.value}.json").read_text())
    deliveries = tuple(
        SampleDelivery(
            kind,
            each["name"],
            EventRequest("POST", each["headers"], {}, json.dumps(each["body"]).encode()),
            document["registry"],
            tuple(each["tags"]),
            each["digest"],
        )
        for each in document["deliveries"]
    )
    return SampleSender(kind, deliveries, tuple(document["action"]) if document["action"] else None)


def add_headers(request: EventRequest, headers: Mapping[str, str]) -> EventRequest:
    """Return the request with more headers."""
    return replace(request, headers={**request.headers, **headers})


def compute_signature(secret: str, content: bytes) -> str:
    """Return the value of a header with the HMAC-SHA256 of the content."""
    return "sha256=" + hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def _prove_bearer(request: EventRequest, secret: str, now: datetime) -> EventRequest:
    return add_headers(request, {"authorization": f"Bearer {secret}"})


def _prove_plain(request: EventRequest, secret: str, now: datetime) -> EventRequest:
    return add_headers(request, {"authorization": secret})


def _prove_github(request: EventRequest, secret: str, now: datetime) -> EventRequest:
    return add_headers(request, {"x-hub-signature-256": compute_signature(secret, request.body)})


def _prove_signed(request: EventRequest, secret: str, now: datetime) -> EventRequest:
    timestamp = str(int(now.timestamp()))
    signature = compute_signature(secret, f"{timestamp}.".encode() + request.body)
    return add_headers(request, {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: signature})


PROOFS: Mapping[SenderKind, Callable[[EventRequest, str, datetime], EventRequest]] = {
    SenderKind.ACR: _prove_bearer,
    SenderKind.EVENT_GRID: _prove_bearer,
    SenderKind.DISTRIBUTION: _prove_bearer,
    SenderKind.HARBOR: _prove_plain,
    SenderKind.GHCR: _prove_github,
    SenderKind.SIGNED: _prove_signed,
}
"""How each kind of sender proves a request."""


def prove(delivery: SampleDelivery, secret: str = SECRET, now: datetime = NOW) -> EventRequest:
    """Return the request of a delivery with the proof of its sender."""
    return PROOFS[delivery.kind](delivery.request, secret, now)
