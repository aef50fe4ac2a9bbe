"""Deliveries of the real docker-registry (distribution 2.8) to a receiver on loopback."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
import yaml
from support.docs.written import list_code_blocks, read_page
from support.events.deliveries import NOW, SECRET, load_sender
from support.listener import HttpListener, HttpReply, ReceivedRequest
from support.parts import ROOT
from support.registries.docker_registry import DockerRegistry

from bot.demo.images import build_image, build_index, build_layer
from bot.events import find_sender
from bot.model.delivery import EventRequest, ParsedDelivery, SenderKind, TagPushed
from bot.model.image_name import TagRef

pytestmark = pytest.mark.real("docker-registry")
SENDER = find_sender(SenderKind.DISTRIBUTION)
REGISTRY = "registry.example.com"
TIMEOUT = 60.0
"""Seconds. Each delivery arrives within a tenth of a second on a quiet machine."""


class NotificationReceiver:
    """A receiver that refuses the first delivery of each tag, so that the registry must repeat it."""

    def __init__(self) -> None:
        self.listener = HttpListener(self._answer)
        self._refused: set[bytes] = set()

    def _answer(self, received: ReceivedRequest) -> HttpReply:
        if b'"tag"' in received.body and received.body not in self._refused:
            self._refused.add(received.body)
            return HttpReply(503)
        return HttpReply(202)

    def configure(self, secret: str = SECRET) -> dict[str, object]:
        """Return the entry in the config of the registry from docs/events.md, with this receiver."""
        (text,) = (
            text
            for text in list_code_blocks(read_page(ROOT / "docs" / "events.md"), "yaml")
            if "notifications:" in text
        )
        (endpoint,) = yaml.safe_load(text)["notifications"]["endpoints"]
        (header,) = endpoint["headers"]["Authorization"]
        authorization = [header.replace("SECRET", secret)]
        url = f"{self.listener.url}/events/lab"
        return endpoint | {"url": url, "headers": {"Authorization": authorization}, "backoff": "50ms"}

    def read(self) -> list[EventRequest]:
        return [EventRequest(each.method, each.headers, {}, each.body) for each in self.listener.received]

    def parse(self) -> list[ParsedDelivery]:
        return [SENDER.parse_delivery(request, REGISTRY) for request in self.read()]

    def wait_for_tags(self, count: int) -> list[ParsedDelivery]:
        """Return all deliveries as soon as `count` of them name a tag."""
        deadline = time.monotonic() + TIMEOUT
        while sum(bool(each.events) for each in self.parse()) < count:
            assert time.monotonic() < deadline, [request.body for request in self.read()]
            time.sleep(0.01)
        return self.parse()


@pytest.fixture
def notifications() -> Iterator[NotificationReceiver]:
    receiver = NotificationReceiver()
    with receiver.listener:
        yield receiver


def test_docker_registry_delivery_of_a_push_names_tag_and_digest(notifications: NotificationReceiver):
    image = build_image([build_layer({"etc/os-release": b"ID=debian\n"})])
    with DockerRegistry(endpoints=[notifications.configure()]) as registry:
        registry.push(image, "team/base")
        digest = registry.push(build_index([image]), "team/base", "1.2")
        registry.push(image, "team/base", "1.2-amd64")
        deliveries = notifications.wait_for_tags(4)  # each of the two tags is delivered twice
    assert all(SENDER.is_proved(request, SECRET, NOW) for request in notifications.read())
    assert not any(SENDER.is_proved(request, SECRET + "x", NOW) for request in notifications.read())
    first, repeated, *others = [delivery for delivery in deliveries if delivery.events]
    assert first.events == (TagPushed(TagRef(f"{REGISTRY}/team/base", "1.2"), digest),)
    assert repeated == first, "the registry repeats a delivery with the same identifier"
    assert {delivery.id for delivery in others} != {first.id}
    assert others[0].events == (TagPushed(TagRef(f"{REGISTRY}/team/base", "1.2-amd64"), image.digest),)
    assert [delivery.events for delivery in deliveries].count(()) >= 1, "the untagged image is delivered, too"


def test_recorded_delivery_has_the_same_fields_as_one_sent_by_docker_registry(notifications: NotificationReceiver):
    with DockerRegistry(endpoints=[notifications.configure()]) as registry:
        registry.push(build_index([build_image([build_layer({"a": b"1"})])]), "team/base", "1.2")
        notifications.wait_for_tags(1)
    recorded = {each.name: json.loads(each.request.body) for each in load_sender(SenderKind.DISTRIBUTION).deliveries}
    real = json.loads(next(request.body for request in notifications.read() if b'"tag"' in request.body))
    assert list_fields(real) == list_fields(recorded["index with a tag"])


def list_fields(value: object, path: str = "") -> set[str]:
    """Return the paths of all fields in a JSON document."""
    if isinstance(value, dict):
        return {found for key, inner in value.items() for found in list_fields(inner, f"{path}.{key}")}
    if isinstance(value, list):
        return {found for inner in value for found in list_fields(inner, f"{path}[]")}
    return {path}
