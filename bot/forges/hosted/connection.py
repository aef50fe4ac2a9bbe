"""Rules for sending requests to one server, which the threads of a run share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from bot.forges.hosted.refusal import Answer, RefusedError

BACKOFF_SECONDS = (1.0, 4.0)
"""Seconds before each repetition of a failed read; after the last one the failure is final."""
MAX_WAIT = 60.0
"""Longest rate limit in seconds that a run waits for; longer ones are left to the next run."""

Client = TypeVar("Client")
Value = TypeVar("Value")


class ClientPool(Generic[Client]):
    """One client of a library for each thread, because the connections of a client cannot be shared."""

    def __init__(self, create_client: Callable[[], Client]) -> None:
        self._create_client = create_client
        self._threads = threading.local()

    def get(self) -> Client:
        """Return the client of this thread, which is created on first use."""
        client: Client | None = getattr(self._threads, "client", None)
        if client is None:
            client = self._threads.client = self._create_client()
        return client


class SharedValue(Generic[Value]):
    """A value that is fetched once and shared by all threads. A failed fetch is not stored."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: list[Value] = []

    def get(self, fetch: Callable[[], Value]) -> Value:
        """Return the value; call `fetch` if there is none yet."""
        with self._lock:
            if not self._values:
                self._values.append(fetch())
            return self._values[0]


class RequestSender:
    """Sends requests to one server: repeats them after some failures, and makes writes wait for each other.

    Thread-safe.
    """

    def __init__(
        self,
        pause: Callable[[float], None],
        *,
        seconds_between_writes: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare sending; `pause` waits for a number of seconds, `clock` returns the seconds since any moment."""
        self.pause = pause
        self._seconds_between_writes = seconds_between_writes
        self._clock = clock
        self._write_lock = threading.Lock()
        self._next_write = 0.0

    def read(self, call: Callable[[], Answer]) -> Answer:
        """Make a call that changes nothing, and repeat it after failures that may pass. Raises RefusedError.

        After a failure of the server, the call is repeated after each time in `BACKOFF_SECONDS`. After a short rate
        limit, it is repeated when the limit ends.
        """
        for backoff in BACKOFF_SECONDS:
            try:
                return call()
            except RefusedError as refusal:
                wait = backoff if refusal.may_have_worked else refusal.retry_after
                if wait is None or wait > MAX_WAIT:
                    raise
            self.pause(wait)
        return call()

    def write(self, call: Callable[[], Answer]) -> Answer:
        """Make a call that changes something. Raises RefusedError.

        The call is repeated only after a short rate limit, because a rate-limited call is known to have had no effect.
        The writes of all threads are made one after another, with the configured delay between them.
        """
        try:
            return self._write_in_turn(call)
        except RefusedError as refusal:
            if refusal.retry_after is None or refusal.retry_after > MAX_WAIT:
                raise
            self.pause(refusal.retry_after)
        return self._write_in_turn(call)

    def _write_in_turn(self, call: Callable[[], Answer]) -> Answer:
        with self._write_lock:
            wait = self._next_write - self._clock()
            if wait > 0:
                self.pause(wait)
            try:
                return call()
            finally:
                self._next_write = self._clock() + self._seconds_between_writes
