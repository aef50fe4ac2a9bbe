"""The handshakes of Event Grid, and its secret in the URL."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.events.deliveries import NOW, SECRET, load_sender, prove

from bot.events import find_sender
from bot.model.delivery import EventRequest, HandshakeReply, SenderKind, UnreadableDeliveryError

SENDER = find_sender(SenderKind.EVENT_GRID)
VALIDATION = {
    "id": "77777777-0000-4000-8000-000000000001",
    "topic": "/subscriptions/0/resourceGroups/images/providers/Microsoft.ContainerRegistry/registries/contoso",
    "subject": "",
    "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
    "eventTime": "2026-11-28T09:30:00Z",
    "data": {
        "validationCode": "88888888-0000-4000-8000-000000000001",
        "validationUrl": "https://attacker.example/validate?id=1",
    },
    "dataVersion": "1",
    "metadataVersion": "1",
}
"""An event as on https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema."""


def ask_for_permission(origin: str | None) -> EventRequest:
    headers = {"webhook-request-rate": "120", "webhook-request-callback": "https://attacker.example/confirm"}
    return EventRequest(
        "OPTIONS", headers if origin is None else {**headers, "webhook-request-origin": origin}, {}, b""
    )


def validate(document: object) -> EventRequest:
    headers = {"content-type": "application/json", "aeg-event-type": "SubscriptionValidation"}
    return EventRequest("POST", headers, {}, json.dumps(document).encode())


def test_event_grid_handshake_permits_the_requesting_origin():
    parsed = SENDER.parse_delivery(ask_for_permission("eventgrid.azure.net"), None)
    allowed = {"WebHook-Allowed-Origin": "eventgrid.azure.net", "WebHook-Allowed-Rate": "*"}
    assert (parsed.handshake, parsed.events) == (HandshakeReply(allowed), ())


@pytest.mark.parametrize(
    "origin", [None, "", "a b", "x\r\nSet-Cookie: a=b", "https://x.example", "é.example", "x" * 300]
)
def test_event_grid_handshake_refuses_invalid_origins(origin: str | None):
    with pytest.raises(UnreadableDeliveryError):
        SENDER.parse_delivery(ask_for_permission(origin), None)


def test_event_grid_handshake_answers_with_the_validation_code():
    parsed = SENDER.parse_delivery(validate([VALIDATION]), None)
    reply = HandshakeReply(document={"validationResponse": "88888888-0000-4000-8000-000000000001"})
    assert (parsed.handshake, parsed.events) == (reply, ())
    assert "attacker" not in repr(parsed)


@pytest.mark.parametrize(
    "data", [None, {}, {"validationCode": 7}, {"validationCode": "a b"}, {"validationCode": "x" * 999}]
)
def test_event_grid_handshake_without_valid_code_is_refused(data: object):
    with pytest.raises(UnreadableDeliveryError):
        SENDER.parse_delivery(validate([{**VALIDATION, "data": data}]), None)


@pytest.mark.parametrize("request_", [ask_for_permission("eventgrid.azure.net"), validate([VALIDATION])])
def test_event_grid_handshake_needs_the_secret(request_: EventRequest):
    assert not SENDER.is_proved(request_, SECRET, NOW)
    assert SENDER.is_proved(replace(request_, query={"access_token": SECRET}), SECRET, NOW)


def test_event_grid_secret_in_url_is_accepted():
    delivery = load_sender(SenderKind.EVENT_GRID).deliveries[0]
    assert SENDER.is_proved(replace(delivery.request, query={"access_token": SECRET}), SECRET, NOW)
    assert SENDER.is_proved(replace(prove(delivery), query={"access_token": "another"}), SECRET, NOW)
    for query in ({"access_token": ""}, {"access_token": SECRET + "x"}, {"token": SECRET}, {}):
        assert not SENDER.is_proved(replace(delivery.request, query=query), SECRET, NOW)
