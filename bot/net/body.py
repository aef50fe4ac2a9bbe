"""Limits the size and the duration of response bodies."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from bot.net.errors import OversizedError, UnreachableError

MAX_SECONDS = 120.0
"""Limit for a whole body, so that a server that sends one byte at a time does not block a run forever."""


def bounded(pieces: Iterable[bytes], limit: int, shown: str) -> Iterator[bytes]:
    """Yield the chunks of a response body of at most `limit` bytes; `subject` is the URL for messages.

    Raises OversizedError if the body is larger, UnreachableError if it takes too long.
    """
    deadline = time.monotonic() + MAX_SECONDS
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise OversizedError(f"{shown} has more than {limit} bytes; not read")
        if time.monotonic() > deadline:
            raise UnreachableError(f"{shown} took more than {MAX_SECONDS:g} seconds to send its response")
        yield piece
