"""How fast a host is asked: so many questions at once, and none while it asks to be left alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bot.net.errors import RateLimitedError

MAX_AT_ONCE = 32
"""Questions to one host; with fewer, 200 images are not looked up in a second where an answer takes a tenth of one."""
MAX_PAUSE = 30.0
"""Seconds; a host that wants to be left alone for longer is told of in the report, not waited for."""
SPACING = 0.2
"""Seconds from one question to the next once a host complained: 300 in a minute, as docker-library's own tools."""
CALM = 60.0
"""Seconds without a complaint after which a host is asked as before."""


class Pace:
    """The pace of all threads towards one host."""

    def __init__(self, host: str, sleep: Callable[[float], None], clock: Callable[[], float]) -> None:
        self._host, self._sleep, self._clock = host, sleep, clock
        self._slots = threading.BoundedSemaphore(MAX_AT_ONCE)
        self._lock = threading.Lock()
        self._next = 0.0
        """When the next question may go out."""
        self._strained_until = 0.0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn to ask one question. Raises RateLimitedError where it would not come soon."""
        with self._slots:
            delay = self._reserve()
            if delay > 0:
                self._sleep(delay)
            yield

    def postpone(self, seconds: float) -> None:
        """Let nobody ask for a while: the host complained."""
        with self._lock:
            now = self._clock()
            self._next = max(self._next, now + seconds)
            self._strained_until = self._next + CALM

    def _reserve(self) -> float:
        """Return the seconds to wait, after which the turn is the caller's."""
        with self._lock:
            now = self._clock()
            delay = self._next - now
            if delay > MAX_PAUSE:
                raise RateLimitedError(f"{self._host} asked to be left alone for another {delay:.0f} seconds")
            if now < self._strained_until:
                self._next = max(self._next, now) + SPACING
            return delay
