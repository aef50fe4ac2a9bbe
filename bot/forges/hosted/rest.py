"""Requests to a REST API whose answers are JSON, for servers that are accessed without a client library."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from bot.forges.hosted.connection import ClientPool, RequestSender, create_pace
from bot.forges.hosted.refusal import RefusedAnswer, ServerErrors
from bot.net import ApiSession, HttpError

TIMEOUT = 30.0
"""Seconds without data after which a request fails."""
MAX_ANSWER = 64 * 1024 * 1024
"""The largest size of one answer in bytes. A full page of pull requests with long texts fits into it."""
Value = TypeVar("Value")
_FIRST_REFUSAL = 300
"""The lowest status of an answer that is no success. Redirects of reading requests were followed before."""


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """The answer to a request that the server carried out."""

    status: int
    headers: Mapping[str, str]
    """The headers by their names in lower case."""
    data: Any
    """The JSON value in the answer; None if the answer has no body."""


@dataclass(frozen=True, slots=True)
class RestApi:
    """The REST API of one server, and the login for it."""

    url: str
    """The URL of the API, to which paths are appended."""
    errors: ServerErrors
    list_messages: Callable[[Any], Iterator[str]]
    """Yields the server's messages in the JSON value of a refusal."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The headers of every request, such as the one with the token."""
    secret: str | None = field(default=None, repr=False)
    """The token, which is removed from messages."""
    ca: Path | None = None
    """A file with certificates to trust instead of the default ones."""


class RestClient:
    """Sends requests to one REST API. Thread-safe, because each thread has its own session."""

    def __init__(self, api: RestApi, *, pause: Callable[[float], None], seconds_between_writes: float = 0.0) -> None:
        """Prepare requests to an API. No request is sent yet.

        Args:
            api: The API.
            pause: Waits for a number of seconds.
            seconds_between_writes: The shortest time between two requests that change something.
        """
        self._api = api
        pace = create_pace(api.url, pause)

        def create_session() -> ApiSession:
            session = ApiSession(api.url, limit=MAX_ANSWER, pace=pace)
            session.headers.update({"Accept": "application/json", **api.headers})
            if api.ca is not None:
                session.verify = str(api.ca)
            return session

        self._sessions = ClientPool(create_session)
        self._sender = RequestSender(pause, seconds_between_writes=seconds_between_writes)
        self.pause = pause

    def read(self, action: str, path: str, permission: str, query: Mapping[str, object] | None = None) -> RestAnswer:
        """Send a GET request, and return the answer. The request is repeated after temporary failures.

        Args:
            action: What the request does, for error messages, such as `list the milestones`.
            path: The quoted path below the URL of the API.
            permission: The permission that the request requires, for the hint in messages.
            query: The parameters of the request.

        Raises:
            RefusedError: If the server refuses the request or does not answer.
        """
        return self._sender.read(lambda: self._send(action, permission, "GET", path, query, None))

    def write(self, action: str, path: str, permission: str, method: str, body: object = None) -> RestAnswer:
        """Send a request that changes something, and return the answer. Only one thread sends such a request at a time.

        A redirect is a refusal, because a redirected request would lose its body. The parameters are explained at
        `read`. Raises RefusedError.
        """
        return self._sender.write(lambda: self._send(action, permission, method, path, None, body))

    def run_write(self, call: Callable[[], Value]) -> Value:
        """Make a call that changes something on the server without this API, such as a push, in turn with the writes.

        Raises the exceptions of `call`.
        """
        return self._sender.write(call)

    def _send(
        self, action: str, permission: str, method: str, path: str, query: Mapping[str, object] | None, body: object
    ) -> RestAnswer:
        session = self._sessions.get()
        try:
            with session.limit_call():
                response = session.request(
                    method,
                    self._api.url + path,
                    params=dict(query or {}),
                    json=body,
                    timeout=TIMEOUT,
                    allow_redirects=method == "GET",
                )
            headers = {name.lower(): str(value) for name, value in response.headers.items()}
            if response.status_code >= _FIRST_REFUSAL:
                answer = RefusedAnswer(response.status_code, list(self._read_messages(response)), headers)
                raise self._api.errors.explain_refusal(
                    answer, action, permission, secret=self._api.secret, now=datetime.now(UTC)
                )
            return RestAnswer(response.status_code, headers, response.json() if response.content else None)
        except (OSError, HttpError, ValueError) as error:  # `requests` raises subclasses of OSError
            raise self._api.errors.explain_missing_answer(error, action, self._api.secret) from error

    def _read_messages(self, response: Any) -> Iterator[str]:
        try:
            data = response.json()
        except ValueError:
            return
        yield from self._api.list_messages(data)
