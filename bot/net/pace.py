"""Limits the number of concurrent requests to each host, and the time that a slow host may cost in one run.

No request is sent while the host has asked for a pause.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bot.net.deadlines import SLOWEST_RATE
from bot.net.exchange_errors import RateLimitedError, UnreachableError

MAX_CONCURRENT_REQUESTS = 32
"""The largest number of concurrent requests to one host. With fewer requests, 200 images take more than a second if
each response takes 0.1 s."""
MAX_PAUSE = 30.0
"""The longest pause, in seconds, for which basebump waits. If a host asks for a longer pause, basebump reports a
failure."""
REQUEST_SPACING = 0.2
"""The seconds between requests after a host complained: 300 requests per minute, as in docker-library's own tools."""
CALM_SECONDS = 60.0
"""The seconds without a complaint after which requests to a host are sent at full speed again."""
PROMPT_SECONDS = 10.0
"""The duration, in seconds, from which an exchange counts as slow. The time for the bytes of its response is
subtracted."""
MAX_SLOW_SECONDS = 240.0
"""The seconds that a run may spend in slow exchanges with one host, a registry or a forge, before the last one.

The last one ends within a minute, so that a host without progress delays a run by at most 300 seconds. Concurrent
exchanges count once. Without this limit, a host could delay a run by a minute for each of its images or repositories.
"""
MAX_WAITED_SECONDS = 3600.0
"""The seconds that a run may wait because one host asks for pauses. Concurrent waits count once. Without this limit, a
host could delay a run by a minute for each of its requests."""


@dataclass(slots=True)
class HostTurn:
    """One exchange with a host."""

    received_bytes: int = 0
    """The size of the response. The caller sets it after reading the response."""


class HostPace:
    """The limits on requests to one host, shared by all threads.

    A host asks for fewer requests with the status 429 or a Retry-After header. All threads then pause, and send their
    requests more slowly for a while.
    """

    def __init__(
        self,
        host: str,
        sleep: Callable[[float], None],
        clock: Callable[[], float],
        max_slow_seconds: float | None = None,
    ) -> None:
        self._host, self._sleep, self._clock = host, sleep, clock
        self._max_slow_seconds = MAX_SLOW_SECONDS if max_slow_seconds is None else max_slow_seconds
        self._slots = threading.BoundedSemaphore(MAX_CONCURRENT_REQUESTS)
        self._lock = threading.Lock()
        self._next_request_at = 0.0
        """The earliest time of the next request, as a time of `clock`."""
        self._strained_until = 0.0
        self._slow_seconds = 0.0
        self._counted_until = 0.0
        """The end of the last slow exchange that is included in `_slow_seconds`."""
        self._waited_seconds = 0.0
        self._waited_until = 0.0
        """The end of the last wait that is included in `_waited_seconds`."""

    @contextmanager
    def wait_for_turn(self) -> Iterator[HostTurn]:
        """Wait until a request to the host may be sent. The caller sends the request within the `with` block.

        Raises RateLimitedError if the wait would be longer than MAX_PAUSE, and UnreachableError if slow exchanges with
        the host have already taken more than `max_slow_seconds`, or if the waits that the host asked for have taken
        more than MAX_WAITED_SECONDS.
        """
        with self._slots:
            delay = self._reserve_turn()
            if delay > 0:
                self._sleep(delay)
            turn, started_at = HostTurn(), self._clock()
            try:
                yield turn
            finally:
                self.record_exchange(started_at + turn.received_bytes / SLOWEST_RATE, self._clock())

    def pause_requests(self, seconds: float) -> None:
        """Delay all requests to the host by `seconds`, because the host asked for fewer requests.

        For CALM_SECONDS after that, requests are sent at least REQUEST_SPACING seconds apart. Longer pauses than
        MAX_PAUSE are not waited for.
        """
        if seconds <= MAX_PAUSE:
            self.record_wait(seconds)
        with self._lock:
            now = self._clock()
            self._next_request_at = max(self._next_request_at, now + seconds)
            self._strained_until = self._next_request_at + CALM_SECONDS

    def record_exchange(self, start: float, end: float) -> None:
        """Count the time of an exchange if it was slow. `start` and `end` are times of `clock`.

        The caller adds the time for the bytes of the response to `start`, so that this time does not count as slow.
        """
        if end - start > PROMPT_SECONDS:
            with self._lock:
                self._slow_seconds += end - max(start, self._counted_until)
                self._counted_until = end

    def record_wait(self, seconds: float) -> None:
        """Count a wait that begins now, and that the host asked for."""
        with self._lock:
            now = self._clock()
            end = max(now + seconds, self._waited_until)
            self._waited_seconds += end - max(now, self._waited_until)
            self._waited_until = end

    def _reserve_turn(self) -> float:
        """Reserve a time for the caller's next request, and return the seconds until then.

        A result of zero or less means that the request may be sent at once. Raises RateLimitedError if the wait would
        be longer than MAX_PAUSE, and UnreachableError if the host has used up its slow seconds or its waited seconds.
        """
        with self._lock:
            is_too_slow = self._slow_seconds > self._max_slow_seconds
            if is_too_slow or self._waited_seconds > MAX_WAITED_SECONDS:
                raise UnreachableError(
                    f"{self._host} is not contacted again in this run, because it kept requests waiting for "
                    f"{self._slow_seconds if is_too_slow else self._waited_seconds:.0f} seconds",
                    is_permanent=True,
                )
            now = self._clock()
            delay = self._next_request_at - now
            if delay > MAX_PAUSE:
                raise RateLimitedError(
                    f"{self._host} was not contacted, because it asked for a pause that lasts another "
                    f"{delay:.0f} seconds"
                )
            if now < self._strained_until:
                self._next_request_at = max(self._next_request_at, now) + REQUEST_SPACING
            return delay
