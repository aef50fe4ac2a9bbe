"""Refused, unanswered and unsupported requests to a server, and the messages that explain them.

Each server describes its errors with one `ServerErrors`, which is data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from json import JSONDecodeError
from typing import TypeVar

from bot.model.errors import ForgeError
from bot.net import describe_cause, sanitize_text

MAX_NAMED_WAIT = 10 * 365 * 86_400.0
"""Upper bound in seconds for the end of a rate limit in a message, so that the date can be computed."""

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, NOT_ALLOWED, NOT_ACCEPTABLE = 401, 403, 404, 405, 406
CONFLICT, INVALID, TOO_MANY = 409, 422, 429
SERVER_ERROR = 500
"""The first status that means a failure of the server itself."""

Answer = TypeVar("Answer")


class RefusedError(ForgeError):
    """A forge refused or did not answer a request; the message says what that means and what to do next."""

    def __init__(
        self, message: str, *, status: int | None, server_message: str = "", retry_after: float | None = None
    ) -> None:
        self.status = status
        """The HTTP status; None if there was no answer."""
        self.server_message = server_message
        """The forge's own message, for callers that can interpret it."""
        self.retry_after = retry_after
        """Seconds after which the same request may succeed, if a rate limit refused it."""
        super().__init__(message)

    @property
    def may_have_worked(self) -> bool:
        """True if the forge may have carried out the request: it failed, or its answer was lost."""
        return self.status is None or self.status >= SERVER_ERROR


def read_after_refusal(refusal: RefusedError, read_state: Callable[[], Answer]) -> Answer:
    """Read the state after a write was refused; raise the refusal if the state cannot be read."""
    try:
        return read_state()
    except RefusedError:
        raise refusal from None


def is_permanent_refusal(refusal: RefusedError) -> bool:
    """Return True if repeating the request for the same commit is useless.

    The token lacks a permission, or the forge does not have the feature. A rate limit, a failure of the server and an
    invalid token are not final.
    """
    has_answer = refusal.status is not None and refusal.status < SERVER_ERROR
    return has_answer and refusal.retry_after is None and refusal.status != UNAUTHORIZED


TIMEOUT_STATUSES = frozenset({502, 503, 504})
"""Statuses with which a server reports that a query took too long."""
UNKNOWN_NAME_MESSAGE = re.compile(r"doesn't exist on type|isn't a defined input type|doesn't accept argument")
"""Messages of the GraphQL library of both GitHub and GitLab about names that the schema does not have."""


class UnsupportedQueryError(Exception):
    """The server has no GraphQL API, or its schema lacks something that the query uses."""


def is_query_too_large(refusal: RefusedError) -> bool:
    """Return True if the server may answer a smaller query."""
    return refusal.status in TIMEOUT_STATUSES


@dataclass(frozen=True, slots=True)
class RefusalMeaning:
    """The meaning of some refusals, with a hint."""

    statuses: Container[int]
    text: str
    """The meaning and the hint. `{message}` stands for the server's message, `{permission}` for the permission that
    the request requires."""
    phrases: tuple[str, ...] = ()
    """Phrases of which the server's message must contain one; empty if the status alone is sufficient."""
    default_message: str = ""
    """The text that replaces an empty message of the server."""

    def matches(self, status: int, server_message: str) -> bool:
        """Return True if a refusal with this status and message has this meaning."""
        return status in self.statuses and (
            not self.phrases or any(phrase in server_message for phrase in self.phrases)
        )


INVALID_TOKEN_MEANING = RefusalMeaning(
    {UNAUTHORIZED}, "it does not accept the token; hint: create a new token and set the variable of `token_env` to it"
)
NOT_FOUND_MEANING = RefusalMeaning(
    {NOT_FOUND},
    "it does not exist, or the token may not see it; hint: check the name, and give the token {permission}",
)


@dataclass(frozen=True, slots=True)
class RateLimitRule:
    """How a server reports that a rate limit refused a request."""

    statuses: frozenset[int]
    """Statuses of refusals by a rate limit. They may have other reasons, too, except 429."""
    reset_header: str
    """The header, in lower case, with the second since 1970 in which the limit ends."""
    default_wait: float
    """Seconds to wait if the headers do not say how long the limit lasts."""
    remaining_header: str = ""
    """The header, in lower case, with the number of requests left; the limit is used up if the number is 0."""
    phrase: re.Pattern[str] | None = None
    """Words in the message of a refusal by a limit whose status is not 429."""

    def compute_wait(self, status: int, server_message: str, headers: Mapping[str, str], now: datetime) -> float | None:
        """Return how many seconds the limit lasts; None if the refusal was not a rate limit."""
        if status not in self.statuses:
            return None
        retry_after, reset = headers.get("retry-after", ""), headers.get(self.reset_header, "")
        if retry_after.isdecimal():
            return float(retry_after)
        if reset.isdecimal() and (not self.remaining_header or headers.get(self.remaining_header) == "0"):
            return max(float(reset) - now.timestamp(), 0.0) + 1.0
        is_limit = status == TOO_MANY or (self.phrase is not None and self.phrase.search(server_message) is not None)
        return self.default_wait if is_limit else None


@dataclass(frozen=True, slots=True)
class RefusedAnswer:
    """An answer with which a server refused a request."""

    status: int
    server_messages: Sequence[str]
    headers: Mapping[str, str]
    """The headers; their names are in lower case."""


@dataclass(frozen=True, slots=True)
class ServerErrors:
    """The errors of one kind of server and of its client library, as data."""

    server: str
    """The name of the server in messages."""
    url_name: str
    """The name of the configured URL in hints."""
    malformed_answer_errors: tuple[type[Exception], ...]
    """Exceptions from reading an answer that has another shape than answers of this kind of server."""
    client_errors: tuple[type[Exception], ...]
    """Exceptions of the client library whose text has the reason why there was no answer."""
    rate_limit: RateLimitRule
    meanings: Sequence[RefusalMeaning] = field(default=())
    """The meanings of refusals; the first one that matches is used."""

    @contextmanager
    def translate(self, name: str) -> Iterator[None]:
        """Translate errors from reading an answer about the repository or owner `name` into RefusedError."""
        try:
            yield
        except self.malformed_answer_errors as error:
            message = f"{name}: the answer is not shaped like {self.server}'s; hint: check {self.url_name}"
            raise RefusedError(message, status=None) from error

    def explain_missing_answer(self, error: Exception, action: str, secret: str | None) -> RefusedError:
        """Return the refusal for a request to do `action` that got no valid answer because of `error`."""
        message = (
            f"{self.server} could not be asked to {action}: {self._describe_reason(error, secret)}; "
            f"hint: check the network and {self.url_name}"
        )
        return RefusedError(message, status=None)

    def explain_refusal(
        self, answer: RefusedAnswer, action: str, permission: str, *, secret: str | None, now: datetime
    ) -> RefusedError:
        """Return the refusal for a request to do `action`, which requires `permission`."""
        status, server_message = answer.status, sanitize_text("; ".join(answer.server_messages), [secret or ""])
        retry_after = self.rate_limit.compute_wait(status, server_message, answer.headers, now)
        meaning = (
            _explain_limit(retry_after, now)
            if retry_after is not None
            else self._explain_status(status, server_message, permission)
        )
        return RefusedError(
            f"{self.server} refused to {action}: {meaning}",
            status=status,
            server_message=server_message,
            retry_after=retry_after,
        )

    def _describe_reason(self, error: Exception, secret: str | None) -> str:
        """Describe why there is no valid answer.

        For errors of `requests` only the cause is described, because their text may quote a header.
        """
        if not isinstance(error, (*self.malformed_answer_errors, JSONDecodeError)):
            if isinstance(error, OSError):
                return describe_cause(error)[0]
            if isinstance(error, self.client_errors):
                return sanitize_text(str(error), [secret or ""])
        return f"its answer is not {self.server}'s"

    def _explain_status(self, status: int, server_message: str, permission: str) -> str:
        for meaning in self.meanings:
            if meaning.matches(status, server_message):
                return meaning.text.format(message=server_message or meaning.default_message, permission=permission)
        if status >= SERVER_ERROR:
            return f"it failed with status {status}; hint: rerun basebump later"
        return server_message or f"it answered with status {status}"


def _explain_limit(wait: float, now: datetime) -> str:
    """Describe when a rate limit ends that lasts `wait` seconds from `now`."""
    until = (now + timedelta(seconds=min(wait, MAX_NAMED_WAIT))).astimezone(UTC)
    return f"the rate limit is used up until {until:%Y-%m-%d %H:%M:%S} UTC; hint: rerun basebump then"
