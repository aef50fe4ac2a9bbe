"""Webhooks of Azure Container Registry.

https://learn.microsoft.com/azure/container-registry/container-registry-webhook-reference
"""

from __future__ import annotations

from bot.events.fields import choose_delivery_id, parse_json, read_object, read_text
from bot.events.proof import BearerSender
from bot.events.pushed_tags import read_pushed_target
from bot.model.delivery import EventRequest, ParsedDelivery


class AcrSender(BearerSender):
    """The registry sends the custom header `Authorization: Bearer SECRET`, which the operator sets on the webhook."""

    def parse_delivery(self, request: EventRequest, registry: str | None) -> ParsedDelivery:
        event = read_object(parse_json(request.body), "body")
        delivery_id = choose_delivery_id(event.get("id"), request.body)
        if read_text(event.get("action"), "action") != "push":
            return ParsedDelivery(delivery_id)
        pushed = read_pushed_target(event, registry)
        return ParsedDelivery(delivery_id, (pushed,) if pushed else ())


SENDER = AcrSender()
