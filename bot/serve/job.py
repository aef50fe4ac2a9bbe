"""What the service does with pending work: the results of jobs, and when failed jobs are tried again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.model.work import MAX_INTERRUPTIONS, ClaimedWork, WorkRequest

RETRY_DELAYS = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=1))
"""The times to wait before a failed job is tried again. After the last one, the job ends as failed, and the next sweep
finds what is left to do.
"""

MAX_STRETCH = 2
"""A wait after interruptions is longer than the one after failures by a random factor up to this one."""

NOT_YET_DELAYS = RETRY_DELAYS[:3]
"""The times to wait before a job looks again for something that is expected."""


@dataclass(frozen=True, slots=True)
class Done:
    """A job that was done."""

    claimed: ClaimedWork
    result: str
    """What was done, in one line."""
    opened: int = 0
    """The number of proposals that were opened."""
    requests: tuple[WorkRequest, ...] = ()
    """Further work that follows from the job."""
    repeat_after: timedelta | None = None
    """The time after which the same work is due again; None if it is not repeated."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A job that could not be done. It is tried again later."""

    claimed: ClaimedWork
    error: str
    repeat_after: timedelta | None = None
    """The time after which the work is due again if all attempts failed; None if it is not repeated."""
    shortest_wait: timedelta = timedelta()
    """The shortest time before the next attempt, because a registry asked for it."""
    requests: tuple[WorkRequest, ...] = ()
    """Further work that follows from the part that was done."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """A job that found nothing to do, although something is expected. It is tried again a few times.

    A replica of a registry, for example, can serve an image a minute after the event that reports it
    (https://github.com/Azure/acr/issues/880).
    """

    claimed: ClaimedWork
    result: str
    """What was found, in one line."""


def find_interruption_delay(interruptions: int) -> timedelta:
    """Return how long to wait before work is tried again that was interrupted so many times in a row.

    The waits are those after failures, but the last one is repeated. The work does not end as failed, because its row
    holds the number of interruptions, and the next request would begin with zero.

    Each wait is longer by chance. Several loops of a process can be interrupted together, although only the work of one
    of them ends the process. If all of it were tried again at the same time, it would be interrupted together again.
    """
    if interruptions < MAX_INTERRUPTIONS:
        return timedelta()
    shortest = RETRY_DELAYS[min(interruptions - MAX_INTERRUPTIONS, len(RETRY_DELAYS) - 1)]
    return shortest * random.uniform(1, MAX_STRETCH)  # noqa: S311 - not a secret


def describe_repositories(count: int) -> str:
    """Return a number of repositories with the verb that follows it in results, such as `2 repositories need`."""
    return "1 repository needs" if count == 1 else f"{count} repositories need"


JobResult = Done | Failed | NotYet
Job = Callable[[Sequence[ClaimedWork]], Iterator[JobResult]]
"""Does several pieces of work of the same kind. It yields one result for each of them, as soon as it is known."""
