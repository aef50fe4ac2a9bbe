"""A forge that said no or did not answer, and how often it is asked again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from bot.model.errors import ForgeError

BACKOFF = (1.0, 4.0)
"""Seconds before a failed question is asked again; then the failure stands."""
MAX_WAIT = 60.0
"""Seconds that a rate limit may hold up a run; what takes an hour is for the next run."""
LONGEST_WAIT = 10 * 365 * 86_400.0
"""Seconds that a message can name; more is no time of anybody's."""

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, NOT_ALLOWED, NOT_ACCEPTABLE = 401, 403, 404, 405, 406
CONFLICT, INVALID, TOO_MANY = 409, 422, 429
SERVER_ERROR = 500
"""The first status that is the server's own fault."""

Answer = TypeVar("Answer")


class RefusedError(ForgeError):
    """A forge did not do what it was asked; the text says what that means and what to do next."""

    def __init__(self, what: str, *, status: int | None, words: str = "", wait: float | None = None) -> None:
        self.status = status
        """None where there was no answer."""
        self.words = words
        """The forge's own, for those who know what they mean in their place."""
        self.wait = wait
        """Seconds after which the same request may pass, where a rate limit refused it."""
        super().__init__(what)

    @property
    def may_have_worked(self) -> bool:
        """Whether the forge may have done it all the same: it failed, or its answer was lost."""
        return self.status is None or self.status >= SERVER_ERROR


def ask(call: Callable[[], Answer], pause: Callable[[float], None]) -> Answer:
    """Return the answer of a call that changes nothing; what may pass later is asked again. Raises RefusedError."""
    for backoff in BACKOFF:
        try:
            return call()
        except RefusedError as refusal:
            wait = backoff if refusal.may_have_worked else refusal.wait
            if wait is None or wait > MAX_WAIT:
                raise
        pause(wait)
    return call()


def tell(call: Callable[[], Answer], pause: Callable[[float], None]) -> Answer:
    """Return the answer of a call that changes something. Raises RefusedError.

    It is made again only after a short rate limit, which says that nothing was done.
    """
    try:
        return call()
    except RefusedError as refusal:
        if refusal.wait is None or refusal.wait > MAX_WAIT:
            raise
        pause(refusal.wait)
    return call()


def after(refusal: RefusedError, look: Callable[[], Answer]) -> Answer:
    """Return what `look` finds after a write was refused; the refusal stands where nobody can say."""
    try:
        return look()
    except RefusedError:
        raise refusal from None


def seconds_until(reset: str, now: datetime) -> float:
    """Return how long a rate limit lasts that names the second since 1970 in which it ends, and not when in it."""
    return max(float(reset) - now.timestamp(), 0.0) + 1.0


def explain_limit(wait: float, now: datetime) -> str:
    """Say when a rate limit ends that lasts `wait` seconds from `now`."""
    until = (now + timedelta(seconds=min(wait, LONGEST_WAIT))).astimezone(UTC)
    return f"the limit of requests is used up until {until:%Y-%m-%d %H:%M:%S} UTC; run basebump then"


def is_final(refusal: RefusedError) -> bool:
    """Say whether asking once more for the same commit is of no use: the token may not, or the forge has no such."""
    is_answered = refusal.status is not None and refusal.status < SERVER_ERROR
    return is_answered and refusal.wait is None and refusal.status != UNAUTHORIZED
