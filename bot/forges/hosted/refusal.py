"""The errors of API calls that a server refused, did not answer or does not support, and their messages.

Each kind of server describes its errors with one `ServerErrors` object.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from json import JSONDecodeError
from typing import TypeVar

from bot.model.errors import HINT_SEPARATOR, ForgeError
from bot.net import PROXY_ADVICE, HttpError, describe_cause, sanitize_text

MAX_NAMED_WAIT = 10 * 365 * 86_400.0
"""The longest wait, in seconds, that a message states. The end of a longer wait might be too late for Python's
dates."""

INVALID_VALUE_ERRORS: tuple[type[Exception], ...] = (ValueError, OverflowError, RecursionError)
"""The exceptions that are raised for a response that has the expected form, but an impossible value: a number, a date
or a text such as a lone surrogate in a name. They are also raised if the response is nested too deeply."""

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, NOT_ALLOWED, NOT_ACCEPTABLE = 401, 403, 404, 405, 406
CONFLICT, INVALID, TOO_MANY = 409, 422, 429
SERVER_ERROR = 500
"""The lowest status that reports a failure of the server itself."""

Answer = TypeVar("Answer")


class RefusedError(ForgeError):
    """A server refused a request or did not answer it. The message contains the reason and a hint."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None,
        server_message: str = "",
        retry_after: float | None = None,
        should_repeat: bool = True,
    ) -> None:
        self.status = status
        """The HTTP status; None if there was no response."""
        self.server_message = server_message
        """The server's own message; empty if there is none."""
        self.retry_after = retry_after
        """Seconds after which the request may succeed; None if the reason was not a rate limit."""
        self.should_repeat = should_repeat
        """False if the same API call would fail again, or would take too long again."""
        super().__init__(message)

    @property
    def may_have_worked(self) -> bool:
        """True if the server may have carried out the request although there is an error.

        For example, the server failed after it had done the change, or its response was lost.
        """
        return self.status is None or self.status >= SERVER_ERROR


def read_after_refusal(refusal: RefusedError, read_state: Callable[[], Answer]) -> Answer:
    """Call `read_state` after a write failed, to find out what the write changed, and return the result.

    `refusal` is the error of the write. If `read_state` also raises RefusedError, raise `refusal`, because its message
    is more helpful.
    """
    try:
        return read_state()
    except RefusedError:
        raise refusal from None


def is_permanent_refusal(refusal: RefusedError) -> bool:
    """Return True if the server will also refuse the same API call in later runs.

    The result is True if the token lacks a permission, or if the server lacks a feature. It is False for a rate limit,
    a failure of the server, and an invalid token.
    """
    has_answer = refusal.status is not None and refusal.status < SERVER_ERROR
    return has_answer and refusal.retry_after is None and refusal.status != UNAUTHORIZED


TIMEOUT_STATUSES = frozenset({502, 503, 504})
"""Statuses with which a server reports that a query took too long."""
UNKNOWN_NAME_MESSAGE = re.compile(r"doesn't exist on type|isn't a defined input type|doesn't accept argument")
"""Matches the message about a name that the GraphQL schema lacks. GitHub and GitLab use the same GraphQL library."""


class UnsupportedQueryError(Exception):
    """The server has no GraphQL API, or its schema lacks a name that the query uses, because the server is too old."""


def is_query_too_large(refusal: RefusedError) -> bool:
    """Return True if the server took too long to answer a query, so that a smaller query may succeed."""
    return refusal.status in TIMEOUT_STATUSES


@dataclass(frozen=True, slots=True)
class RefusalMeaning:
    """An explanation with a hint for one kind of refusal, which is recognised by HTTP status and message."""

    statuses: Container[int]
    text: str
    """The meaning and the hint. `{message}` is replaced by the server's message, and `{permission}` by the permission
    that the request requires."""
    phrases: tuple[str, ...] = ()
    """Phrases, one of which the server's message must contain. If the tuple is empty, every message matches."""
    default_message: str = ""
    """The replacement for `{message}` if the server sent no message."""

    def matches(self, status: int, server_message: str) -> bool:
        """Return True if this explanation applies to a refusal with this HTTP status and message of the server."""
        return status in self.statuses and (
            not self.phrases or any(phrase in server_message for phrase in self.phrases)
        )


INVALID_TOKEN_MEANING = RefusalMeaning(
    {UNAUTHORIZED}, "it does not accept the token; hint: create a new token and set the variable of `token_env` to it"
)
NOT_FOUND_MEANING = RefusalMeaning(
    {NOT_FOUND},
    "it does not exist, or the token has no access; hint: check the name, and give the token {permission}",
)


@dataclass(frozen=True, slots=True)
class RateLimitRule:
    """Recognises API calls that a server refused because of a rate limit, and computes when the limit ends."""

    statuses: frozenset[int]
    """The HTTP statuses with which the server reports a rate limit. Except for 429, a refusal with such a status can
    also have another reason."""
    reset_header: str
    """The header, in lower case, that contains the end of the limit, in seconds since 1970."""
    default_wait: float
    """Seconds to wait if no header states when the limit ends."""
    remaining_header: str = ""
    """The header, in lower case, that contains the number of remaining requests. If this field is not empty,
    `reset_header` is used only if the number is 0."""
    phrase: re.Pattern[str] | None = None
    """Matches the server's message if a rate limit refused a request with another status than 429."""

    def compute_wait(self, status: int, server_message: str, headers: Mapping[str, str], now: datetime) -> float | None:
        """Return the seconds until the rate limit ends.

        If the server refused the API call for another reason, return None.
        """
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
    """A response with which a server refused an API call."""

    status: int
    server_messages: Sequence[str]
    headers: Mapping[str, str]
    """The headers by their names in lower case."""


def index_headers(headers: Mapping[str, object]) -> Mapping[str, str]:
    """Return the headers of a response by their names in lower case."""
    return {name.lower(): str(value) for name, value in headers.items()}


class AnswerError(Exception):
    """The exception for a refused API call. A client raises it, and `ServerErrors.explain_error` converts it."""

    def __init__(self, answer: RefusedAnswer, *, is_page: bool = False) -> None:
        super().__init__(*answer.server_messages)
        self.answer = answer
        self.is_page = is_page
        """True if the response is a page for browsers although the API itself always sends JSON."""


@dataclass(frozen=True, slots=True)
class ServerErrors:
    """The errors of one kind of server and of its client library, with their explanations for users."""

    server: str
    """The name of the server in messages."""
    url_name: str
    """The name of the server's URL in hints, such as `the URL of the API`."""
    rate_limit: RateLimitRule
    meanings: Sequence[RefusalMeaning] = ()
    """The meanings of refusals, of which the first one that matches is used."""
    malformed_answer_errors: tuple[type[Exception], ...] = (AttributeError, KeyError, TypeError, IndexError)
    """The exceptions that basebump's code can raise when it parses the response of another kind of server."""
    client_errors: tuple[type[Exception], ...] = (HttpError,)
    """The exceptions of the client library whose text explains why there was no response. The text must contain no
    secret except the token."""

    @contextmanager
    def translate(self, name: str) -> Iterator[None]:
        """Convert exceptions that occur while the `with` block parses a response of the server to RefusedError.

        Such exceptions occur if the response has an unexpected form, for example because the URL belongs to another
        kind of server. `name` is the repository or owner that the message names.
        """
        try:
            yield
        except self.malformed_answer_errors + INVALID_VALUE_ERRORS as error:
            message = f"{name}: the response does not have {self.server}'s format; hint: check {self.url_name}"
            raise RefusedError(message, status=None) from error

    def describe_failure(self, action: str) -> str:
        """Return the beginning of the message about an action to which the server gave no valid response."""
        return f"could not {action} on {self.server}"

    def explain_error(
        self, error: Exception, action: str, permission: str, *, secret: str | None, now: datetime
    ) -> RefusedError:
        """Convert an exception of a client to a RefusedError.

        An AnswerError means that the server refused the API call.

        The other parameters are explained at `explain_refusal`.
        """
        if not isinstance(error, AnswerError):
            return self.explain_missing_answer(error, action, secret)
        return self.explain_refusal(error.answer, action, permission, secret=secret, now=now)

    def explain_missing_answer(self, error: Exception, action: str, secret: str | None) -> RefusedError:
        """Return the error for an API call without a valid response.

        Args:
            error: The exception of the client library or of the parser.
            action: A description of the request for the message, such as `read the label security`.
            secret: The token, which is removed from the message.
        """
        message = f"{self.describe_failure(action)}: {self._describe_reason(error, secret)}"
        if HINT_SEPARATOR not in message:  # the reason may contain a hint, such as to configure a certificate
            advice = f"check the network and {self.url_name}, and {PROXY_ADVICE}"
            message += f"{HINT_SEPARATOR}{advice}; `scan` and `check` need no forge"
        should_repeat = not isinstance(error, HttpError) and not describe_cause(error)[1]
        return RefusedError(message, status=None, should_repeat=should_repeat)

    def explain_refusal(
        self, answer: RefusedAnswer, action: str, permission: str, *, secret: str | None, now: datetime
    ) -> RefusedError:
        """Return the error for an API call that the server refused. Its message has the reason and a hint.

        Args:
            answer: The server's response.
            action: A description of the request for the message, such as `read the label security`.
            permission: The permission that the request requires, for the hint.
            secret: The token, which is removed from the message.
            now: The current time.
        """
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
        """Return the reason for a missing or invalid response, for the message.

        If the exception comes from the library `requests`, its text is not used, because the text may quote a header
        that contains the token.
        """
        if not isinstance(error, (*self.malformed_answer_errors, JSONDecodeError)):
            if isinstance(error, OSError):
                return describe_cause(error)[0]
            if isinstance(error, self.client_errors):
                return sanitize_text(str(error), [secret or ""])
        return f"its response does not have {self.server}'s format"

    def _explain_status(self, status: int, server_message: str, permission: str) -> str:
        for meaning in self.meanings:
            if meaning.matches(status, server_message):
                return meaning.text.format(message=server_message or meaning.default_message, permission=permission)
        if status >= SERVER_ERROR:
            return f"it failed with status {status}; hint: rerun basebump later"
        return server_message or f"it responded with status {status}"


def _explain_limit(wait: float, now: datetime) -> str:
    """Return the message for a rate limit that ends `wait` seconds after `now`."""
    until = (now + timedelta(seconds=min(wait, MAX_NAMED_WAIT))).astimezone(UTC)
    return f"the rate limit is used up until {until:%Y-%m-%d %H:%M:%S} UTC; hint: rerun basebump then"
