"""Notifications of the registry of the CNCF project Distribution, and of GitLab's registry.

https://distribution.github.io/distribution/about/notifications/
"""

from __future__ import annotations

from bot.events.fields import JsonObject, choose_delivery_id, parse_json, read_object, read_objects, read_text
from bot.events.proof import BearerSender
from bot.events.pushed_tags import collect_pushed_tags, read_pushed_target
from bot.model.delivery import EventRequest, ParsedDelivery, TagPushed


class DistributionSender(BearerSender):
    """The registry sends the header `Authorization: Bearer SECRET` from its config.

    Versions 2 and 3 send the same events with different content types. Therefore the content type is not checked.
    """

    def parse_delivery(self, request: EventRequest, registry: str | None) -> ParsedDelivery:
        events = read_objects(read_object(parse_json(request.body), "body").get("events"), "events")

        def read_event(event: JsonObject) -> TagPushed | None:
            is_push = read_text(event.get("action"), "action") == "push"
            return read_pushed_target(event, registry) if is_push else None

        delivery_id = choose_delivery_id(events[0].get("id") if len(events) == 1 else None, request.body)
        return ParsedDelivery(delivery_id, collect_pushed_tags(events, read_event))


SENDER = DistributionSender()
