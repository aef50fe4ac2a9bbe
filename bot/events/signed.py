"""basebump's own form of events, for pipelines, and for registries whose own events basebump cannot read.

The body is `{"image": "HOST/REPOSITORY:TAG"}`, with or without a digest after the tag. An optional `id` identifies the
push. Other keys are ignored.
"""

from __future__ import annotations

from datetime import datetime

from bot.events.fields import choose_delivery_id, parse_json, read_object, read_text
from bot.events.proof import is_recent, is_signature
from bot.events.pushed_tags import build_pushed_tag
from bot.model.delivery import EventRequest, ParsedDelivery, UnreadableDeliveryError
from bot.model.errors import InvalidReferenceError
from bot.model.image_name import ImageName

SIGNATURE_HEADER = "x-basebump-signature"
TIMESTAMP_HEADER = "x-basebump-timestamp"


class SignedSender:
    """The sender signs the time in seconds since 1970, a full stop and the body."""

    def is_proved(self, request: EventRequest, secret: str, now: datetime) -> bool:
        is_signed = is_signature(request.headers.get(SIGNATURE_HEADER), secret, _get_signed_content(request))
        return is_signed and is_recent(request.headers.get(TIMESTAMP_HEADER, ""), now)

    def parse_delivery(self, request: EventRequest, registry: str | None) -> ParsedDelivery:
        document = read_object(parse_json(request.body), "body")
        # Without an `id`, the time distinguishes two pushes to the same tag. A client that repeats a request after an
        # error sends the same time again.
        delivery_id = choose_delivery_id(document.get("id"), _get_signed_content(request))
        text = read_text(document.get("image"), "image")
        try:
            image = ImageName.parse(text)
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
