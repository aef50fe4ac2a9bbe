"""The results of jobs, and the times after which failed jobs are tried again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.model.work import MAX_INTERRUPTIONS, ClaimedWork, WorkRequest

RETRY_DELAYS = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=1))
"""The times to wait before a failed job is tried again. After the last wait, the job ends as failed, and the next sweep
finds the work that is left.
"""

MAX_STRETCH = 2
"""The maximum of the random factor by which a wait after interruptions is longer than the wait after failures."""

NOT_YET_DELAYS = RETRY_DELAYS[:3]
"""The times to wait before a job with the result `NotYet` is tried again."""


@dataclass(frozen=True, slots=True)
class Done:
    """A job that was done."""

    claimed: ClaimedWork
    result: str
    """A description of the finished work, in one line."""
    opened: int = 0
    """The number of proposals that were opened."""
    requests: tuple[WorkRequest, ...] = ()
    """Further work that follows from the job."""
    repeat_after: timedelta | None = None
    """The time after which the same work is due again; None if the work is not repeated."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A job that could not be done. It is tried again later."""

    claimed: ClaimedWork
    error: str
    repeat_after: timedelta | None = None
    """The time after which the work is due again if all attempts failed; None if the work is not repeated."""
    shortest_wait: timedelta = timedelta()
    """The shortest time before the next attempt, because a registry asked for it."""
    requests: tuple[WorkRequest, ...] = ()
    """Further work that follows from the part of the job that was done."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """A job that did not find the change that an event reported. It is tried again a few times.

    A replica of a registry, for example, can serve an image a minute after the event that reports it
    (https://github.com/Azure/acr/issues/880).
    """

    claimed: ClaimedWork
    result: str
    """A description of the facts that were found, in one line."""


def find_interruption_delay(interruptions: int) -> timedelta:
    """Return how long to wait before work is tried again after this number of interruptions in a row.

    The waits are the same as after failures, but the last wait is repeated. The work does not end as failed, because
    this would delete its row in the state with the number of interruptions, and the next request for the work would
    begin with zero.

    Each wait is extended by a random time. If one piece of work ends the process, the work of the other loops is
    interrupted, too. If all of this work were tried again at the same time, it would all be interrupted again.
    """
    if interruptions < MAX_INTERRUPTIONS:
        return timedelta()
    shortest = RETRY_DELAYS[min(interruptions - MAX_INTERRUPTIONS, len(RETRY_DELAYS) - 1)]
    return shortest * random.uniform(1, MAX_STRETCH)  # noqa: S311 - not a secret


def describe_repositories(count: int) -> str:
    """Return the beginning of a sentence about a number of repositories, such as `2 repositories need`."""
    return "1 repository needs" if count == 1 else f"{count} repositories need"


JobResult = Done | Failed | NotYet
Job = Callable[[Sequence[ClaimedWork]], Iterator[JobResult]]
"""Does several pieces of work of the same kind. It yields the result of each piece as soon as the piece is done."""
