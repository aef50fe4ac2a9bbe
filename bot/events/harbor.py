"""Webhooks of Harbor, with its default payload or with CloudEvents.

https://goharbor.io/docs/main/working-with-projects/project-configuration/configure-webhooks/
"""

from __future__ import annotations

from datetime import datetime

from bot.events.fields import JsonObject, choose_delivery_id, parse_json, read_object, read_objects, read_text
from bot.events.proof import is_same_secret
from bot.events.pushed_tags import build_pushed_tag, collect_pushed_tags
from bot.model.delivery import EventRequest, ParsedDelivery, TagPushed

PUSHED = frozenset({"PUSH_ARTIFACT", "harbor.artifact.pushed"})
"""The type of a push in the default payload, and the type in CloudEvents."""


class HarborSender:
    """Harbor sends the text in the webhook's field `Auth Header` as the whole header `Authorization`."""

    def is_proved(self, request: EventRequest, secret: str, now: datetime) -> bool:  # noqa: ARG002 - these requests contain no time
        return is_same_secret(request.headers.get("authorization"), secret)

    def parse_delivery(self, request: EventRequest, registry: str | None) -> ParsedDelivery:
        event = read_object(parse_json(request.body), "body")
        delivery_id = choose_delivery_id(event.get("id"), request.body)
        if read_text(event.get("type"), "type") not in PUSHED:
            return ParsedDelivery(delivery_id)
        name = "data" if "specversion" in event else "event_data"
        data = read_object(event.get(name), name)
        path = read_object(data.get("repository"), "repository").get("repo_full_name")

        def read_resource(resource: JsonObject) -> TagPushed | None:
            host = read_text(resource.get("resource_url"), "resource_url").partition("/")[0]
            return build_pushed_tag(host, path, resource.get("tag"), resource.get("digest"), registry)

        return ParsedDelivery(
            delivery_id, collect_pushed_tags(read_objects(data.get("resources"), "resources"), read_resource)
        )


SENDER = HarborSender()
