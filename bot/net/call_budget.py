"""Limits the responses to one call of a client library, because a server can link each page of a list to another."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.net.exchange_errors import OversizedError

MAX_CALL_REQUESTS = 2_000
"""The maximum number of requests of one call, such as the pages of a list with 200,000 items. The list of the
files of a GitLab project has up to 1,000 pages."""
MAX_CALL_BYTES = 256 * 1024 * 1024
"""The maximum number of bytes of all responses to one call. A list of 10,000 open pull requests with 25 kilobytes each
is within the limit."""
MAX_CALL_SECONDS = 900.0
"""The maximum duration of one call. The 1,000 pages of the longest list then may take almost a second each."""


@dataclass(slots=True)
class CallBudget:
    """The requests, bytes and time that one call of a client library may still use."""

    clock: Callable[[], float] = time.monotonic
    requests: int = 0
    """The number of requests of the call until now."""
    received_bytes: int = 0
    ends_at: float = field(init=False)
    """The last time at which the call may send a request, according to `clock`."""

    def __post_init__(self) -> None:
        self.ends_at = self.clock() + MAX_CALL_SECONDS

    def take_request(self, host: str) -> None:
        """Count a request to `host`. Raises OversizedError if the call may not send further requests."""
        self.requests += 1
        exceeded_limit = (
            f"{MAX_CALL_REQUESTS} pages"
            if self.requests > MAX_CALL_REQUESTS
            else f"{MAX_CALL_BYTES} bytes"
            if self.received_bytes > MAX_CALL_BYTES
            else f"{MAX_CALL_SECONDS:.0f} seconds"
            if self.clock() > self.ends_at
            else ""
        )
        if exceeded_limit:
            raise OversizedError(
                f"a list of {host} was not read to its end, because reading it takes more than {exceeded_limit}"
            )
