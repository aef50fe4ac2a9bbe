"""Sends requests to a REST API with JSON responses, for servers that are accessed without a client library."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from bot.forges.hosted.connection import MAX_WAIT, ClientPool, RequestSender, SharedValue, create_pace
from bot.forges.hosted.refusal import (
    INVALID_VALUE_ERRORS,
    UNAUTHORIZED,
    AnswerError,
    RefusedAnswer,
    RefusedError,
    ServerErrors,
    index_headers,
)
from bot.model.errors import BasebumpError
from bot.net import ApiSession, HttpError

MAX_ANSWER = 64 * 1024 * 1024
"""The largest size of a response, in bytes. This is enough for a full page of pull requests with long texts, and for a
list of a tree with 150,000 entries."""
JSON = "application/json"
Query = Mapping[str, object]
Value = TypeVar("Value")
_CLIENT_ERRORS: tuple[type[Exception], ...] = (AnswerError, OSError, HttpError, *INVALID_VALUE_ERRORS)
"""The exceptions for a missing response, for a refusal, and for a response that is not JSON. The exceptions of the
library `requests` are subclasses of OSError."""
_FIRST_REFUSAL = 300
"""The lowest HTTP status that is not a success. Redirects of GET requests have already been followed."""


@dataclass(frozen=True, slots=True)
class RestAccount:
    """The account to which the token belongs."""

    id: str | None
    """The login or the id of the account in responses of the server; None if there is no token."""
    name: str = ""
    email: str = ""
    """The email address in commits of the account; empty if it is not known."""
    is_admin: bool = False
    """True if the account administers the server."""

    def has_id(self, other: str | None) -> bool:
        """Return True if this is the login or the id of the account."""
        return self.id is not None and other is not None and other.lower() == self.id.lower()

    def has_emails(self, others: Iterable[str]) -> bool:
        """Return True if all these email addresses are the address of the account."""
        return bool(self.email) and {each.lower() for each in others} == {self.email.lower()}


@dataclass(frozen=True, slots=True)
class RestCall:
    """A request to the API of a server."""

    action: str
    """A description of the request for error messages, such as `list the milestones`."""
    permission: str
    """The permission that the request requires, for the hint in messages."""
    method: str
    path: str
    """The quoted path below the URL of the API."""
    query: Query | None = None
    body: object = None
    """The JSON value to send; None to send no body."""
    content_type: str = JSON
    accept: str = JSON


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """The response to an API request."""

    status: int
    content: bytes
    headers: Mapping[str, str]
    """The headers by their names in lower case."""
    value: Any = None
    """The JSON value; None if the response is empty or not JSON."""


class RestConnection(ABC):
    """The access to one server.

    Thread-safe, because each thread has its own session. Methods raise RefusedError if an API call fails.

    A server may execute a request and still ask for fewer requests. The connection then waits before the next request.
    """

    errors: ServerErrors
    read_permission: str
    """The permission that most requests that only read require, for the hint in messages."""
    write_permission: str
    """The permission that most requests that change something require."""
    timeout = 30.0
    """Seconds without data after which a request fails."""
    can_redirect = True
    """True if redirects of GET requests are followed. A redirect of another request counts as a refusal, because the
    redirected request would lose its body."""
    extra_headers: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self,
        url: str,
        api_path: str,
        fetch_secret: Callable[[], str] | None,
        *,
        ca: Path | None = None,
        seconds_between_writes: float = 0.0,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare requests to the server at `url`. No request is sent yet.

        Args:
            url: The URL of the server.
            api_path: The path of the API below this URL.
            fetch_secret: Returns the token, and raises BasebumpError. The function is called before each request, so
                that it can renew the token. None to send requests without a token.
            ca: A file with certificates to trust instead of the default ones.
            seconds_between_writes: The shortest time between two requests that change something.
            pause: Waits for a number of seconds.
        """
        self.url = url
        self.has_token = fetch_secret is not None
        self.pause = pause
        self._api_url = url + api_path
        self._fetch_secret = fetch_secret
        self.ca = ca
        self.pace = create_pace(url, pause)
        self._sessions = ClientPool(self._create_session)
        self._sender = RequestSender(
            pause, seconds_between_writes=seconds_between_writes, record_wait=self.pace.record_wait
        )
        self._account = SharedValue[RestAccount]()

    @abstractmethod
    def build_authorization(self, secret: str) -> str:
        """Return the header that contains the token."""

    @abstractmethod
    def fetch_account(self) -> RestAccount:
        """Fetch the account to which the token belongs."""

    @abstractmethod
    def get_page_size(self) -> int:
        """Return the number of items on a full page."""

    @abstractmethod
    def build_page_query(self, page: int) -> Query:
        """Return the parameters that request a page of a list. The number of the first page is 1."""

    @abstractmethod
    def list_messages(self, data: Any) -> Iterator[str]:
        """Yield the server's messages that the JSON value of a refusal contains."""

    def get_items(self, answer: Any) -> list[Any]:
        """Return the items on a page of a list."""
        return list(answer)

    def get_account(self) -> RestAccount:
        """Return the account to which the token belongs. The account is fetched only once."""
        return self._account.get(self.fetch_account) if self.has_token else RestAccount(None)

    def fetch_clone_login(self, name: str) -> str | None:
        """Return `user:password` for reading the repository `name` with git; None if there is no token."""
        secret = self._get_secret(f"read {name} with git")
        return f"basebump:{secret}" if secret is not None else None

    def read(self, action: str, path: str, permission: str | None = None, query: Query | None = None) -> Any:
        """Send a GET request, and return the JSON value in the response. The parameters are explained at `RestCall`."""
        return self.fetch(RestCall(action, permission or self.read_permission, "GET", path, query)).value

    def fetch(self, call: RestCall) -> RestAnswer:
        """Send a request that only reads. The request is repeated after temporary failures."""
        with self._sessions.get().limit_call():
            return self._sender.read(partial(self._send, call))

    def list_pages(
        self,
        action: str,
        path: str,
        permission: str | None = None,
        query: Query | None = None,
        max_items: int | None = None,
    ) -> list[Any]:
        """Return the items of a list, whose pages are requested one after another.

        A page that is not full is the last one. Null stands for an item that the server could not read; such items are
        left out. Raises RefusedError if there are too many pages, or if the pages together are too large. If
        `max_items` is given, at most this number of items is returned.
        """
        items: list[Any] = []
        size = self.get_page_size()

        def add_page(answer: RestAnswer) -> bool:
            listed = self.get_items(answer.value)
            items.extend(each for each in listed if each is not None)
            return len(listed) < size or (max_items is not None and len(items) >= max_items)

        self.read_until(
            action, path, lambda page: {**(query or {}), **self.build_page_query(page)}, add_page, permission
        )
        return items[:max_items]

    def read_until(
        self,
        action: str,
        path: str,
        build_query: Callable[[int], Query],
        add_page: Callable[[RestAnswer], bool],
        permission: str | None = None,
    ) -> None:
        """Request the pages of a list in turn until `add_page` returns True.

        It is called with the response of each page.

        `build_query` returns the query parameters for a page number. The first page has the number 1.
        """
        with self._sessions.get().limit_call():
            for page in count(1):
                call = RestCall(action, permission or self.read_permission, "GET", path, build_query(page))
                answer = self._sender.read(partial(self._send, call))
                with self.errors.translate(path):
                    if add_page(answer):
                        return

    def write(
        self,
        action: str,
        method: str,
        path: str,
        body: object = None,
        permission: str | None = None,
        content_type: str = JSON,
    ) -> Any:
        """Send a request that changes data, and return the JSON value in the response; None if there is no value.

        Only one thread sends such a request at a time. The parameters are explained at `RestCall`.
        """
        permission = permission or self.write_permission
        call = RestCall(action, permission, method, path, body=body, content_type=content_type)
        with self._sessions.get().limit_call():
            return self._sender.write(lambda: self._send(call).value)

    def run_write(self, call: Callable[[], Value]) -> Value:
        """Make a call that changes data without this API, such as a push; no other write runs in the meantime.

        Raises the exceptions of `call`.
        """
        return self._sender.write(call)

    def exchange(self, call: RestCall, secret: str | None) -> RestAnswer:
        """Send a request once, with or without a token.

        Raises AnswerError if the response reports an error, and the exceptions of the session if there is no response.
        """
        headers = {"Accept": call.accept, **self.extra_headers}
        headers |= {"Content-Type": call.content_type} if call.body is not None else {}
        headers |= {"Authorization": self.build_authorization(secret)} if secret is not None else {}
        response = self._sessions.get().request(
            call.method,
            self._api_url + call.path,
            params=dict(call.query or {}),
            data=json.dumps(call.body).encode() if call.body is not None else None,
            headers=headers,
            timeout=self.timeout,
            allow_redirects=self.can_redirect and call.method == "GET",
        )
        answer = RestAnswer(response.status_code, response.content, index_headers(response.headers))
        self.check_answer(call, answer)
        wait = answer.headers.get("retry-after", "")
        if wait.isdecimal():
            seconds = min(float(wait), MAX_WAIT)
            self.pace.record_wait(seconds)
            self.pause(seconds)
        return replace(answer, value=_parse_json(answer.content)) if call.accept == JSON else answer

    def check_answer(self, call: RestCall, answer: RestAnswer) -> None:  # noqa: ARG002 - some servers need it
        """Raise AnswerError if a response reports an error."""
        if answer.status >= _FIRST_REFUSAL:
            raise self.build_error(answer)

    def build_error(self, answer: RestAnswer, *, is_page: bool = False) -> AnswerError:
        """Return the error for a response, with the messages in the response. A page for browsers has no messages."""
        try:
            messages = [] if is_page else list(self.list_messages(_parse_json(answer.content)))
        except INVALID_VALUE_ERRORS:
            messages = []
        return AnswerError(RefusedAnswer(answer.status, messages, answer.headers), is_page=is_page)

    def _send(self, call: RestCall) -> RestAnswer:
        secret = self._get_secret(call.action)
        try:
            return self.exchange(call, secret)
        except _CLIENT_ERRORS as error:
            action, permission, now = call.action, call.permission, datetime.now(UTC)
            raise self.errors.explain_error(error, action, permission, secret=secret, now=now) from error

    def _get_secret(self, action: str) -> str | None:
        try:
            return self._fetch_secret() if self._fetch_secret is not None else None
        except BasebumpError as error:
            raise RefusedError(f"{self.errors.describe_failure(action)}: {error}", status=UNAUTHORIZED) from error

    def _create_session(self) -> ApiSession:
        session = ApiSession(self._api_url, limit=MAX_ANSWER, pace=self.pace)
        if self.ca is not None:
            session.verify = str(self.ca)
        return session


def _parse_json(content: bytes) -> Any:
    return json.loads(content) if content else None


Connection_co = TypeVar("Connection_co", bound=RestConnection, covariant=True)


@dataclass(frozen=True, slots=True)
class RestRemote(ABC, Generic[Connection_co]):
    """One repository on a server.

    Its methods are those of the connection, with paths below the path of the repository.
    """

    connection: Connection_co = field(repr=False)
    name: str
    """The full name of the repository."""

    @property
    @abstractmethod
    def path(self) -> str:
        """The quoted path of the repository in the API."""

    def read_json(self, action: str, path: str = "", permission: str | None = None, query: Query | None = None) -> Any:
        return self.connection.read(f"{action} of {self.name}", self.path + path, permission, query)

    def list_pages(
        self,
        action: str,
        path: str,
        permission: str | None = None,
        query: Query | None = None,
        max_items: int | None = None,
    ) -> list[Any]:
        return self.connection.list_pages(f"{action} of {self.name}", self.path + path, permission, query, max_items)

    def write_json(
        self,
        action: str,
        method: str,
        path: str,
        body: object = None,
        permission: str | None = None,
        content_type: str = JSON,
    ) -> Any:
        action, path = f"{action} of {self.name}", self.path + path
        return self.connection.write(action, method, path, body, permission, content_type)
