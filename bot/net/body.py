"""Limits the size of response bodies, and the time that they may take."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from bot.net.errors import OversizedError, UnreachableError

MAX_BODY_SECONDS = 120.0
"""Limit for a whole body. Without this limit, a server that sends one byte at a time could block a run forever."""


def limit_body(chunks: Iterable[bytes], limit: int, subject: str) -> Iterator[bytes]:
    """Yield the chunks of a response body, and raise an error if the body is too large or takes too long.

    The body may have at most `limit` bytes. `subject` is the URL of the response as shown in messages.

    Raises OversizedError if the body is larger, UnreachableError if it takes longer than MAX_BODY_SECONDS.
    """
    deadline = time.monotonic() + MAX_BODY_SECONDS
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise OversizedError(f"{subject} was not read, because it has more than {limit} bytes")
        if time.monotonic() > deadline:
            raise UnreachableError(
                f"{subject} was not read completely, because the response took more than {MAX_BODY_SECONDS:g} seconds"
            )
        yield chunk
