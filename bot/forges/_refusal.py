"""A forge that said no or did not answer, and how often it is asked again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from bot.model.errors import ForgeError

BACKOFF = (1.0, 4.0)
"""Seconds before a failed question is asked again; then the failure stands."""
MAX_WAIT = 60.0
"""Seconds that a rate limit may hold up a run; what takes an hour is for the next run."""
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
