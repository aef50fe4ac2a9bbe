"""The time and the identifier in basebump's own form of events."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.events.deliveries import NOW, SECRET, SampleDelivery, add_headers, load_sender, prove

from bot.events import find_sender
from bot.events.proof import REPLAY_WINDOW
from bot.events.signed import TIMESTAMP_HEADER
from bot.model.delivery import SenderKind, UnreadableDeliveryError

SENDER = find_sender(SenderKind.SIGNED)
SECOND = timedelta(seconds=1)
DELIVERIES = {delivery.name: delivery for delivery in load_sender(SenderKind.SIGNED).deliveries}


def build(image: str, registry: str | None = None) -> SampleDelivery:
    delivery = DELIVERIES["tag"]
    body = delivery.request.body.replace(b"registry.example.com/bases/go:1.25", image.encode())
    return replace(delivery, request=replace(delivery.request, body=body), registry=registry)


@pytest.mark.parametrize("age", [REPLAY_WINDOW, timedelta(), -REPLAY_WINDOW])
def test_signed_event_within_the_replay_window_is_authentic(age: timedelta):
    assert SENDER.is_proved(prove(DELIVERIES["tag"], now=NOW - age), SECRET, NOW)


@pytest.mark.parametrize("age", [REPLAY_WINDOW + SECOND, -REPLAY_WINDOW - SECOND, timedelta(days=365)])
def test_signed_event_outside_the_replay_window_is_not_authentic(age: timedelta):
    assert not SENDER.is_proved(prove(DELIVERIES["tag"], now=NOW - age), SECRET, NOW)


def test_signed_event_with_changed_timestamp_is_not_authentic():
    old = prove(DELIVERIES["tag"], now=NOW - timedelta(hours=1))
    assert not SENDER.is_proved(add_headers(old, {TIMESTAMP_HEADER: str(int(NOW.timestamp()))}), SECRET, NOW)


@pytest.mark.parametrize("timestamp", ["", "now", "1.5", "-1", "٣", "9" * 12, "9" * 5000, "1e9", " 1"])
def test_signed_event_with_malformed_timestamp_is_not_authentic(timestamp: str):
    request = add_headers(prove(DELIVERIES["tag"]), {TIMESTAMP_HEADER: timestamp})
    assert not SENDER.is_proved(request, SECRET, NOW)


def test_event_without_identifier_sent_again_later_is_a_new_delivery():
    first, later = (prove(DELIVERIES["tag"], now=NOW + delay) for delay in (timedelta(), SECOND))
    assert SENDER.parse_delivery(first, None).id != SENDER.parse_delivery(later, None).id


def test_delivery_sent_again_later_keeps_identifier_from_body():
    first, later = (prove(DELIVERIES["tag and digest"], now=NOW + delay) for delay in (timedelta(), SECOND))
    assert SENDER.parse_delivery(first, None).id == SENDER.parse_delivery(later, None).id == "build-17"


@pytest.mark.parametrize(
    ("image", "registry", "tag"),
    [
        ("debian:12", None, "docker.io/library/debian:12"),
        ("acme/web:1", None, "docker.io/acme/web:1"),
        ("debian:12", "registry.example.com", "registry.example.com/debian:12"),
        ("acme/web:1", "registry.example.com", "registry.example.com/acme/web:1"),
        ("10.0.0.5:5000/acme/web:1", "registry.example.com", "registry.example.com/acme/web:1"),
        ("localhost/web:1", None, "localhost/web:1"),
    ],
)
def test_short_image_names_in_events_are_expanded_like_those_in_files(image: str, registry: str | None, tag: str):
    delivery = build(image, registry)
    (event,) = SENDER.parse_delivery(prove(delivery), registry).events
    assert str(event.tag_ref) == tag


@pytest.mark.parametrize("image", ["", "debian", "debian@sha256:" + "a" * 64, "debian:", "Debian:12", "http://x/y:1"])
def test_event_about_image_without_tag_is_unreadable(image: str):
    with pytest.raises(UnreadableDeliveryError):
        SENDER.parse_delivery(prove(build(image)), None)
