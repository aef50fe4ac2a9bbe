"""Refused, unanswered and unsupported requests to a server, and the rules for repeating them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from bot.model.errors import ForgeError

BACKOFF_SECONDS = (1.0, 4.0)
"""Seconds before each repetition of a failed read; after the last one the failure is final."""
MAX_WAIT = 60.0
"""Longest rate limit in seconds that a run waits for; longer ones are left to the next run."""
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


def send_read(call: Callable[[], Answer], pause: Callable[[float], None]) -> Answer:
    """Make a call that changes nothing, and repeat it after failures that may pass.

    A failure of the server is repeated after each time in `BACKOFF_SECONDS`, a short rate limit when it ends. Raises
    RefusedError.
    """
    for backoff in BACKOFF_SECONDS:
        try:
            return call()
        except RefusedError as refusal:
            wait = backoff if refusal.may_have_worked else refusal.retry_after
            if wait is None or wait > MAX_WAIT:
                raise
        pause(wait)
    return call()


def send_write(call: Callable[[], Answer], pause: Callable[[float], None]) -> Answer:
    """Make a call that changes something; repeat it only after a short rate limit, which means that nothing was done.

    Raises RefusedError.
    """
    try:
        return call()
    except RefusedError as refusal:
        if refusal.retry_after is None or refusal.retry_after > MAX_WAIT:
            raise
        pause(refusal.retry_after)
    return call()


def read_after_refusal(refusal: RefusedError, read_state: Callable[[], Answer]) -> Answer:
    """Read the state after a write was refused; raise the refusal if the state cannot be read."""
    try:
        return read_state()
    except RefusedError:
        raise refusal from None


def compute_reset_wait(reset: str, now: datetime) -> float:
    """Return the seconds until a rate limit ends that names only the second since 1970 in which it ends."""
    return max(float(reset) - now.timestamp(), 0.0) + 1.0


def explain_limit(wait: float, now: datetime) -> str:
    """Describe when a rate limit ends that lasts `wait` seconds from `now`."""
    until = (now + timedelta(seconds=min(wait, MAX_NAMED_WAIT))).astimezone(UTC)
    return f"the rate limit is used up until {until:%Y-%m-%d %H:%M:%S} UTC; hint: rerun basebump then"


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
