"""Bodies of answers, cut off where they are larger, or take longer, than anybody waits for."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from bot.net.errors import OversizedError, UnreachableError

MAX_SECONDS = 120.0
"""For a whole body, so that one byte now and then does not hold a run forever."""


def bounded(pieces: Iterable[bytes], limit: int, shown: str) -> Iterator[bytes]:
    """Yield the pieces of a body of at most `limit` bytes; messages call it `shown`.

    Raises OversizedError, UnreachableError.
    """
    deadline = time.monotonic() + MAX_SECONDS
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > limit:
            raise OversizedError(f"{shown} has more than {limit} bytes; it is not read")
        if time.monotonic() > deadline:
            raise UnreachableError(f"{shown} took more than {MAX_SECONDS:g} seconds to send its answer")
        yield piece
