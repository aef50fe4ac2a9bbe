"""Checks of secrets, signatures and times in requests.

All comparisons of secrets take the same time for every wrong value.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime, timedelta

from bot.model.delivery import EventRequest

REPLAY_WINDOW = timedelta(minutes=5)
"""The largest allowed difference between the time in a request and the service's clock. After this time, a copied
request is refused. The libraries of Standard Webhooks have the same limit."""
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)


def is_same_secret(given: str | None, expected: str) -> bool:
    """Return True if the secret in a request is the expected one.

    The duration does not depend on the content or the length.
    """
    digests = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in (given or "", expected)]
    return given is not None and hmac.compare_digest(*digests)


def is_signature(given: str | None, secret: str, content: bytes) -> bool:
    """Return True if the value of a header is `sha256=HEX`, where HEX is the HMAC-SHA256 of the content."""
    return is_same_secret(given, f"sha256={hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()}")


def is_recent(timestamp: str, now: datetime) -> bool:
    """Return True if a time in seconds since 1970 differs from `now` by at most REPLAY_WINDOW."""
    if _TIMESTAMP.fullmatch(timestamp) is None:
        return False
    return abs(now.timestamp() - int(timestamp)) <= REPLAY_WINDOW.total_seconds()


class BearerSender:
    """The part of a sender that proves its requests with the header `Authorization: Bearer SECRET`."""

    def is_proved(self, request: EventRequest, secret: str, now: datetime) -> bool:  # noqa: ARG002 - these requests contain no time
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        return is_same_secret(given, secret) and scheme.lower() == "bearer"
