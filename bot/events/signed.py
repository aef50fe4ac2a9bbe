"""basebump's own form of events, for pipelines and for registries that have no form that basebump can read.

The body is `{"image": "HOST/REPOSITORY:TAG"}`, with or without a digest after the tag. An optional `id` identifies the
push. Other keys are ignored.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from bot.events.fields import choose_delivery_id, parse_json, read_object, read_text
from bot.events.proof import is_signature
from bot.events.pushed_tags import build_pushed_tag
from bot.model.delivery import EventRequest, ParsedDelivery, UnreadableDeliveryError
from bot.model.errors import InvalidReferenceError
from bot.model.reference import ImageReference

SIGNATURE_HEADER = "x-basebump-signature"
TIMESTAMP_HEADER = "x-basebump-timestamp"
REPLAY_WINDOW = timedelta(minutes=5)
"""The time by which the clocks of the sender and of the service can differ. After that, a copied request is refused."""
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)


class SignedSender:
    """The sender signs the time in seconds since 1970, a full stop and the body."""

    def is_proved(self, request: EventRequest, secret: str, now: datetime) -> bool:
        timestamp = request.headers.get(TIMESTAMP_HEADER, "")
        is_recent = (
            _TIMESTAMP.fullmatch(timestamp) is not None
            and abs(now.timestamp() - int(timestamp)) <= REPLAY_WINDOW.total_seconds()
        )
        return is_signature(request.headers.get(SIGNATURE_HEADER), secret, _get_signed_content(request)) and is_recent

    def parse_delivery(self, request: EventRequest, registry: str | None) -> ParsedDelivery:
        document = read_object(parse_json(request.body), "body")
        # Without an `id`, the time distinguishes two pushes to the same tag. Clients that repeat a request after an
        # error send the same time again.
        delivery_id = choose_delivery_id(document.get("id"), _get_signed_content(request))
        text = read_text(document.get("image"), "image")
        try:
            image = ImageReference.parse(text)
        except InvalidReferenceError as error:
            raise UnreadableDeliveryError(str(error)) from error
        path = image.name.partition("/")[2] if image.has_registry_host else image.name
        pushed = build_pushed_tag(image.host, path, image.tag, image.digest, registry)
        if pushed is None:
            raise UnreadableDeliveryError("`image` has no tag")
        return ParsedDelivery(delivery_id, (pushed,))


def _get_signed_content(request: EventRequest) -> bytes:
    return request.headers.get(TIMESTAMP_HEADER, "").encode("utf-8", "surrogatepass") + b"." + request.body


SENDER = SignedSender()
