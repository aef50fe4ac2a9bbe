"""Limits the size of response bodies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.net.exchange_errors import OversizedError


def limit_body(chunks: Iterable[bytes], limit: int, subject: str) -> Iterator[bytes]:
    """Yield the chunks of a response body, which may have at most `limit` bytes.

    `subject` is the URL of the response as shown in messages. Raises OversizedError if the body is larger.
    """
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise OversizedError(f"{subject} was not read, because it has more than {limit} bytes")
        yield chunk
