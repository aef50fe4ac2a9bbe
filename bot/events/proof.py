"""Checks of secrets and signatures in requests. All comparisons take the same time for every wrong value."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from bot.model.delivery import EventRequest


def is_same_secret(given: str | None, expected: str) -> bool:
    """Return True if a request contains the expected value. The time depends neither on its contents nor its length."""
    digests = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in (given or "", expected)]
    return given is not None and hmac.compare_digest(*digests)


def is_signature(given: str | None, secret: str, content: bytes) -> bool:
    """Return True if the value of a header is `sha256=HEX`, where HEX is the HMAC-SHA256 of the content."""
    return is_same_secret(given, f"sha256={hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()}")


class BearerSender:
    """The part of a sender that proves its requests with the header `Authorization: Bearer SECRET`."""

    def is_proved(self, request: EventRequest, secret: str, now: datetime) -> bool:  # noqa: ARG002 - there is no time
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        return is_same_secret(given, secret) and scheme.lower() == "bearer"
