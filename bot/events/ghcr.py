"""Webhooks of GitHub about packages in its container registry.

https://docs.github.com/webhooks/webhook-events-and-payloads#registry_package
"""

from __future__ import annotations

from datetime import datetime

from bot.events.fields import JsonObject, hash_delivery, parse_json, read_object, read_text
from bot.events.proof import is_signature
from bot.events.pushed_tags import build_pushed_tag
from bot.model.delivery import EventRequest, ParsedDelivery, TagPushed

EVENTS = frozenset({"registry_package", "package"})
"""Both events describe the same pushes. The field with the package has the same name as the event."""
PUSHED = frozenset({"published", "updated"})
CONTAINER_TYPES = frozenset({"container", "docker"})


class GhcrSender:
    """GitHub signs the body of a delivery with the secret of the webhook."""

    def is_proved(self, request: EventRequest, secret: str, now: datetime) -> bool:  # noqa: ARG002 - these requests contain no time
        return is_signature(request.headers.get("x-hub-signature-256"), secret, request.body)

    def parse_delivery(self, request: EventRequest, registry: str | None) -> ParsedDelivery:
        document = read_object(parse_json(request.body), "body")
        delivery_id = hash_delivery(request.body)
        event = request.headers.get("x-github-event", "")
        if event not in EVENTS or read_text(document.get("action"), "action") not in PUSHED:
            return ParsedDelivery(delivery_id)
        pushed = _read_package(read_object(document.get(event), event), registry)
        return ParsedDelivery(delivery_id, (pushed,) if pushed else ())


def _read_package(package: JsonObject, registry: str | None) -> TagPushed | None:
    """Return the pushed tag; None if the package is not a container image, or if the image has no tag."""
    if read_text(package.get("package_type"), "package_type").lower() not in CONTAINER_TYPES:
        return None
    version = read_object(package.get("package_version"), "package_version")
    metadata = read_object(version.get("container_metadata") or {}, "container_metadata")
    tag = read_object(metadata.get("tag") or {}, "tag")
    url = read_text(version.get("package_url"), "package_url")
    host, _, rest = url.partition("/")
    path, _, tag_in_url = rest.partition(":")  # The text after the colon is empty if the image has no tag.
    # Image names are in lower case, but names of GitHub's owners can contain upper case.
    return build_pushed_tag(host, path.lower(), tag.get("name") or tag_in_url, tag.get("digest"), registry)


SENDER = GhcrSender()
