"""Events of Azure Container Registry from Azure Event Grid, as CloudEvents or in the schema of Event Grid.

https://learn.microsoft.com/azure/event-grid/event-schema-container-registry
"""

from __future__ import annotations

import re
from datetime import datetime

from bot.events.fields import JsonObject, choose_delivery_id, parse_json, read_object, read_objects, read_text
from bot.events.proof import BearerSender, is_same_secret
from bot.events.pushed_tags import collect_pushed_tags, read_pushed_target
from bot.model.delivery import EventRequest, HandshakeReply, ParsedDelivery, TagPushed, UnreadableDeliveryError

PUSHED = "Microsoft.ContainerRegistry.ImagePushed"
VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
_ORIGIN = re.compile(r"[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?")
_VALIDATION_CODE = re.compile(r"[!-~]{1,200}")


class EventGridSender(BearerSender):
    """Event Grid sends a delivery property `Authorization: Bearer SECRET`, or `access_token=SECRET` in the URL.

    Before the first delivery, Event Grid asks for permission: with an `OPTIONS` request for CloudEvents, and with an
    event for its own schema. Both requests contain the secret.
    """

    def is_proved(self, request: EventRequest, secret: str, now: datetime) -> bool:
        return super().is_proved(request, secret, now) or is_same_secret(request.query.get("access_token"), secret)

    def parse_delivery(self, request: EventRequest, registry: str | None) -> ParsedDelivery:
        if request.method == "OPTIONS":
            return _allow_origin(request)
        document = parse_json(request.body)
        events = read_objects(document if isinstance(document, list) else [document], "body")
        delivery_id = choose_delivery_id(events[0].get("id") if len(events) == 1 else None, request.body)
        for event in events:
            if _read_type(event) == VALIDATION:
                return ParsedDelivery(delivery_id, handshake=_confirm_subscription(event))

        def read_event(event: JsonObject) -> TagPushed | None:
            is_push = _read_type(event) == PUSHED
            return read_pushed_target(read_object(event.get("data"), "data"), registry) if is_push else None

        return ParsedDelivery(delivery_id, collect_pushed_tags(events, read_event))


def _read_type(event: JsonObject) -> str:
    """Return the type of an event: `type` of a CloudEvent, `eventType` in the schema of Event Grid."""
    return read_text(event.get("type", event.get("eventType")), "type")


def _allow_origin(request: EventRequest) -> ParsedDelivery:
    """Return the permission to send CloudEvents (https://github.com/cloudevents/spec, HTTP webhooks, section 4).

    The origin is a host name. The request can also name a URL in `WebHook-Request-Callback`, which basebump never
    calls.
    """
    origin = request.headers.get("webhook-request-origin", "")
    if not _ORIGIN.fullmatch(origin):
        raise UnreadableDeliveryError("`WebHook-Request-Origin` is not a host name")
    reply = HandshakeReply({"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"})
    return ParsedDelivery(choose_delivery_id(None, origin.encode()), handshake=reply)


def _confirm_subscription(event: JsonObject) -> HandshakeReply:
    """Return the code that proves to Event Grid that this endpoint wants to receive its events."""
    code = read_text(read_object(event.get("data"), "data").get("validationCode"), "validationCode")
    if not _VALIDATION_CODE.fullmatch(code):
        raise UnreadableDeliveryError("`validationCode` is not a code")
    return HandshakeReply(document={"validationResponse": code})


SENDER = EventGridSender()
