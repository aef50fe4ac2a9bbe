"""Requests to a REST API whose answers are JSON, for servers that are accessed without a client library."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from bot.forges.hosted.connection import ClientPool, RequestSender, create_pace
from bot.forges.hosted.refusal import INVALID_VALUE_ERRORS, AnswerError, RefusedAnswer, ServerErrors, index_headers
from bot.net import ApiSession, HttpError

TIMEOUT = 30.0
"""Seconds without data after which a request fails."""
MAX_ANSWER = 64 * 1024 * 1024
"""The largest size of one answer in bytes. A full page of pull requests with long texts fits into it."""
Query = Mapping[str, object]
Value = TypeVar("Value")
_CLIENT_ERRORS: tuple[type[Exception], ...] = (AnswerError, OSError, HttpError, *INVALID_VALUE_ERRORS)
"""The exceptions that are raised if there is no answer, or if it is a refusal or not JSON. Those of `requests` are
subclasses of OSError."""
_FIRST_REFUSAL = 300
"""The lowest status of an answer that is no success. Redirects of reading requests were followed before."""


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
        self.pace = create_pace(api.url, pause)
        """Limits the time that slow exchanges with the server take in a run."""

        def create_session() -> ApiSession:
            session = ApiSession(api.url, limit=MAX_ANSWER, pace=self.pace)
            session.headers.update({"Accept": "application/json", **api.headers})
            if api.ca is not None:
                session.verify = str(api.ca)
            return session

        self._sessions = ClientPool(create_session)
        self._sender = RequestSender(pause, seconds_between_writes=seconds_between_writes)
        self.pause = pause

    def read(self, action: str, path: str, permission: str, query: Query | None = None) -> Any:
        """Send a GET request, and return the JSON value. The request is repeated after temporary failures.

        Args:
            action: What the request does, for error messages, such as `list the milestones`.
            path: The quoted path below the URL of the API.
            permission: The permission that the request requires, for the hint in messages.
            query: The parameters of the request.

        Raises:
            RefusedError: If the server refuses the request or does not answer.
        """
        with self._sessions.get().limit_call():
            return self._sender.read(lambda: self._send(action, permission, "GET", path, query, None))

    def read_pages(
        self,
        action: str,
        path: str,
        permission: str,
        build_query: Callable[[int], Query],
        size: int,
        max_items: int | None = None,
    ) -> list[Any]:
        """Return the items of a list, whose pages are requested one after another.

        A page that is not full is the last one. Null stands for an item that the server could not read, and is left
        out. If there are too many pages, or if they are too large together, RefusedError is raised. The other
        parameters are explained at `read`.

        Args:
            action: What the requests do.
            path: The path of the list.
            permission: The permission that the requests require.
            build_query: Returns the parameters of the request for a page, whose number begins at 1.
            size: The number of items on a full page.
            max_items: The largest number of items to return; None to return all.
        """
        items: list[Any] = []

        def add_page(listed: Any) -> bool:
            items.extend(each for each in listed if each is not None)
            return len(listed) < size or (max_items is not None and len(items) >= max_items)

        self.read_until(action, path, permission, build_query, add_page)
        return items[:max_items]

    def read_until(
        self,
        action: str,
        path: str,
        permission: str,
        build_query: Callable[[int], Query],
        add_page: Callable[[Any], bool],
    ) -> None:
        """Request pages one after another until `add_page`, which gets the JSON value of each, returns True.

        The other parameters and the errors are explained at `read_pages`.
        """
        with self._sessions.get().limit_call():
            for page in count(1):
                query = build_query(page)
                answer = self._sender.read(partial(self._send, action, permission, "GET", path, query, None))
                with self._api.errors.translate(path):
                    if add_page(answer):
                        return

    def write(self, action: str, path: str, permission: str, method: str, body: object = None) -> Any:
        """Send a request that changes something, and return the JSON value in the answer; None if it has none.

        Only one thread sends such a request at a time. A redirect is a refusal, because a redirected request would lose
        its body. The parameters are explained at `read`. Raises RefusedError.
        """
        with self._sessions.get().limit_call():
            return self._sender.write(lambda: self._send(action, permission, method, path, None, body))

    def run_write(self, call: Callable[[], Value]) -> Value:
        """Make a call that changes something on the server without this API, such as a push, in turn with the writes.

        Raises the exceptions of `call`.
        """
        return self._sender.write(call)

    def _send(self, action: str, permission: str, method: str, path: str, query: Query | None, body: object) -> Any:
        try:
            return self._exchange(method, path, query, body)
        except _CLIENT_ERRORS as error:
            secret, now = self._api.secret, datetime.now(UTC)
            raise self._api.errors.explain_error(error, action, permission, secret=secret, now=now) from error

    def _exchange(self, method: str, path: str, query: Query | None, body: object) -> Any:
        response = self._sessions.get().request(
            method,
            self._api.url + path,
            params=dict(query or {}),
            json=body,
            timeout=TIMEOUT,
            allow_redirects=method == "GET",
        )
        if response.status_code >= _FIRST_REFUSAL:
            messages = list(self._read_messages(response))
            raise AnswerError(RefusedAnswer(response.status_code, messages, index_headers(response.headers)))
        return response.json() if response.content else None

    def _read_messages(self, response: Any) -> Iterator[str]:
        try:
            data = response.json()
        except INVALID_VALUE_ERRORS:
            return
        yield from self._api.list_messages(data)
