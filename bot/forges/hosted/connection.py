"""Sends requests to one server from several threads, with repetitions, delays between writes, and shared values."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

from bot.forges.hosted.refusal import Answer, RefusedError
from bot.net import HostPace

BACKOFF_SECONDS = (1.0, 4.0)
"""Seconds before each repetition of a failed read. If the last repetition fails, the read has failed."""
MAX_WAIT = 60.0
"""The longest rate limit, in seconds, that a run waits for. A request that hits a longer limit fails."""

Client = TypeVar("Client")
Value = TypeVar("Value")


def create_pace(url: str, pause: Callable[[float], None]) -> HostPace:
    """Create the limit on the time that a run spends in slow exchanges with the server at `url`."""
    return HostPace(url, pause, time.monotonic)


class ClientPool(Generic[Client]):
    """Clients of a library, one for each thread, because threads cannot share a client's connections."""

    def __init__(self, create_client: Callable[[], Client]) -> None:
        self._create_client = create_client
        self._threads = threading.local()

    def get(self) -> Client:
        """Return the client of the current thread; create the client if the thread has none yet."""
        client: Client | None = getattr(self._threads, "client", None)
        if client is None:
            client = self._threads.client = self._create_client()
        return client


class SharedValue(Generic[Value]):
    """A value that is fetched when it is first needed, and that all threads share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: list[Value] = []

    def get(self, fetch: Callable[[], Value]) -> Value:
        """Return the value. If it was not fetched yet, call `fetch` and keep its result.

        If `fetch` raises, no value is kept, so that the next caller tries again.
        """
        with self._lock:
            if not self._values:
                self._values.append(fetch())
            return self._values[0]


class RequestSender:
    """Sends requests to one server. Thread-safe.

    Requests that only read are repeated after some failures. Requests that write are sent one after another.
    """

    def __init__(
        self,
        pause: Callable[[float], None],
        *,
        seconds_between_writes: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        record_wait: Callable[[float], None] = lambda _: None,
    ) -> None:
        """Prepare to send requests.

        Args:
            pause: Waits for a number of seconds.
            seconds_between_writes: The shortest time between the end of a write and the start of the next one.
            clock: Returns the time in seconds; only differences are used.
            record_wait: Called with the length, in seconds, of each wait for the end of a rate limit.
        """
        self.pause = pause
        self._record_wait = record_wait
        self._seconds_between_writes = seconds_between_writes
        self._clock = clock
        self._write_lock = threading.Lock()
        self._next_write = 0.0

    def read(self, call: Callable[[], Answer]) -> Answer:
        """Make a call that only reads, and return its result. Raises RefusedError if an API call fails.

        If the server fails or does not answer, the call is repeated after a pause. `BACKOFF_SECONDS` lists the lengths
        of the pauses, and the call is repeated once for each of them.

        If the server refuses the call because of a rate limit that ends within `MAX_WAIT` seconds, the call is repeated
        when the limit ends.

        If the exchange reached its deadline, or if the certificate of the server is not trusted, the call is not
        repeated.
        """
        for backoff in BACKOFF_SECONDS:
            try:
                return call()
            except RefusedError as refusal:
                wait = backoff if refusal.may_have_worked else refusal.retry_after
                if wait is None or wait > MAX_WAIT or not refusal.should_repeat:
                    raise
                if refusal.retry_after is not None:
                    self._record_wait(wait)
            self.pause(wait)
        return call()

    def write(self, call: Callable[[], Answer]) -> Answer:
        """Make a call that changes data on the server, and return its result. Raises RefusedError if an API call fails.

        The writes of all threads are made one after another, with the configured delay between them.

        If a rate limit refuses the call, the server has not changed anything. If the limit ends within `MAX_WAIT`
        seconds, the call is therefore repeated once. After any other failure, the call is not repeated, because the
        server may have made the change.
        """
        try:
            return self._write_in_turn(call)
        except RefusedError as refusal:
            if refusal.retry_after is None or refusal.retry_after > MAX_WAIT:
                raise
            self._record_wait(refusal.retry_after)
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


class ClientConnection(ABC, Generic[Client]):
    """Access to one server, shared by all threads; each thread has its own client."""

    read_permission: str
    """What a token needs for calls that only read, for the hint in messages."""
    write_permission: str
    """What a token needs for calls that change data."""

    def __init__(self, pause: Callable[[float], None], seconds_between_writes: float, pace: HostPace) -> None:
        """Prepare to make calls.

        `pace` counts the time spent waiting. The other parameters are explained at `RequestSender`.
        """
        self._sender = RequestSender(pause, seconds_between_writes=seconds_between_writes, record_wait=pace.record_wait)
        self.pause = pause

    def read(
        self, action: str, call: Callable[[Client], Answer], permission: str | None = None, *, about: str = ""
    ) -> Answer:
        """Make a call that only reads, and return its result. The call is repeated after temporary failures.

        Args:
            action: What the call does, for error messages, such as `list the milestones`.
            call: Sends requests with a client.
            permission: What the call requires of the token, for the hint in messages; None for `read_permission`.
            about: The owner or the `owner/name` that the call is about, if the token depends on it.

        Raises:
            RefusedError: If the server refuses a request or does not answer.
        """
        permission = permission or self.read_permission
        token = self.get_token(about, permission)
        return self._sender.read(lambda: self.make_call(action, call, permission, token))

    def write(
        self, action: str, call: Callable[[Client], Answer], permission: str | None = None, *, about: str = ""
    ) -> Answer:
        """Make a call that changes data on the server, and return its result.

        Only one thread makes such a call at a time.

        The parameters are explained at `read`; None stands for `write_permission`. Raises RefusedError if an API call
        fails.
        """
        permission = permission or self.write_permission
        token = self.get_token(about, permission)
        return self._sender.write(lambda: self.make_call(action, call, permission, token))

    def try_once(
        self, action: str, call: Callable[[Client], Answer], permission: str | None = None, *, about: str = ""
    ) -> Answer:
        """Make a call that only reads, once, without repetitions after failures.

        Callers use this method if they have an alternative to the call. The parameters are explained at `read`. Raises
        RefusedError if an API call fails.
        """
        permission = permission or self.read_permission
        return self.make_call(action, call, permission, self.get_token(about, permission))

    @abstractmethod
    def get_token(self, about: str, permission: str) -> str | None:
        """Return the token for a call, or None to make the call without a token.

        Raises RefusedError if an API call fails.
        """

    @abstractmethod
    def make_call(self, action: str, call: Callable[[Client], Answer], permission: str, token: str | None) -> Answer:
        """Make a call with the client of the current thread. Convert exceptions of the client to RefusedError."""
