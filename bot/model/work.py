"""Pending work of the service, which events or times cause, and the record of finished work.

Pending work is a row in the state. The row is removed only when the work is done, so that a killed process loses
nothing. Requests for the same work are merged into one row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import ClassVar

from bot.model.image_name import TagRef


class WorkKind(StrEnum):
    """The kinds of work."""

    TAG = "tag"
    VISIT = "visit"
    SWEEP = "sweep"
    POLL = "poll"


@dataclass(frozen=True, slots=True, order=True)
class TagWork:
    """Look up a tag, scan its image once, and request visits of the repositories that use it."""

    kind: ClassVar[WorkKind] = WorkKind.TAG
    tag_ref: TagRef

    def __str__(self) -> str:
        return str(self.tag_ref)


@dataclass(frozen=True, slots=True, order=True)
class VisitWork:
    """Read a repository, and open or update its proposals. The visit includes all its base branches."""

    kind: ClassVar[WorkKind] = WorkKind.VISIT
    forge: str
    """The kind of forge, such as `github`."""
    host: str
    """`host[:port]` of the forge, as in `bot.model.inventory.BranchKey`."""
    repository: str

    def __str__(self) -> str:
        return self.repository


@dataclass(frozen=True, slots=True, order=True)
class SweepWork:
    """List all repositories, and request visits of those that something changed in since their last visit."""

    kind: ClassVar[WorkKind] = WorkKind.SWEEP

    def __str__(self) -> str:
        return "all repositories"


@dataclass(frozen=True, slots=True, order=True)
class PollWork:
    """Look up all tags of one registry that base branches use, to notice tags that moved without an event."""

    kind: ClassVar[WorkKind] = WorkKind.POLL
    host: str

    def __str__(self) -> str:
        return self.host


WorkKey = TagWork | VisitWork | SweepWork | PollWork
"""The identity of a piece of work. There is never more than one row with the same key."""


EVENT_KINDS = frozenset({WorkKind.TAG, WorkKind.VISIT})
"""The kinds of work for which a user might be waiting."""
BACKGROUND_KINDS = frozenset({WorkKind.SWEEP, WorkKind.POLL})
"""The kinds of work that are repeated, and can take minutes. Such work is done beside all other work."""


class WorkPriority(IntEnum):
    """The order in which pending work is done: greater values first, and the oldest work first among equal values."""

    SWEEP = 1
    """Nobody waits for the work: a sweep, or a visit that a sweep requested."""
    CHANGE = 2
    """An image or a repository changed."""
    CRITICAL = 3
    """A new image fixes a critical vulnerability."""
    EXPLOITED = 4
    """A new image fixes a vulnerability that is known to be exploited."""
    USER = 5
    """A user requested the work, for example with a checkbox. Such work is rare, and the user is waiting."""


@dataclass(frozen=True, slots=True)
class WorkLoopScope:
    """The work that one loop does."""

    name: str
    """The last part of the name of the worker."""
    kinds: frozenset[WorkKind]
    least_priority: WorkPriority = WorkPriority.SWEEP


EVENT_LOOP = WorkLoopScope("events", EVENT_KINDS)
BACKGROUND_LOOP = WorkLoopScope("background", BACKGROUND_KINDS)
USER_LOOP = WorkLoopScope("users", frozenset({WorkKind.VISIT}), WorkPriority.USER)
"""Visits for which a user is waiting. A process that does all work has a loop for them, because a job over many
repositories can take minutes on a forge that limits the rate of writes."""


class WorkReason(StrEnum):
    """The reason that work was requested."""

    IMAGE_PUSHED = "image-pushed"
    """A registry reported that an image was pushed."""
    TAG_MOVED = "tag-moved"
    """A tag points to another digest than at the last lookup."""
    FILES_CHANGED = "files-changed"
    """A forge reported a push to a repository."""
    REQUEST_CHANGED = "request-changed"
    """A forge reported that a user closed, merged, edited, labelled or reviewed a pull request, or ticked a checkbox.
    """
    REPOSITORY_CHANGED = "repository-changed"
    """A forge reported that a repository was added, renamed or archived."""
    DUE = "due"
    """The time came at which the result of a visit may change."""
    SWEEP = "sweep"
    """A sweep is due, or a sweep found that the repository must be read."""
    POLL = "poll"
    """A poll is due."""


@dataclass(frozen=True, slots=True)
class WorkRequest:
    """A request for a piece of work."""

    key: WorkKey
    priority: WorkPriority
    reason: WorkReason
    trace: str
    """The identifier of the delivery or sweep that led to the request. It connects log entries."""
    delay: timedelta = timedelta()
    """How long to wait before the work is done. Each further request for the same work restarts this time."""
    longest_delay: timedelta | None = None
    """The longest time that further requests can delay the work; None if they cannot delay it further than `delay`."""
    pushed_at: datetime | None = None
    """The time at which the image was pushed to which this work responds; None if no push led to it."""


MAX_INTERRUPTIONS = 3
"""The number of interruptions in a row from which on work is delayed, because it probably makes its processes end. Any
work can be interrupted once or twice, because machines fail and users kill processes."""


@dataclass(frozen=True, slots=True)
class ClaimedWork:
    """A piece of work that one worker is doing. No other worker gets it until the claim ends."""

    key: WorkKey
    priority: WorkPriority
    reason: WorkReason
    trace: str
    version: int
    """The number of requests for this work that were merged into one when the work was claimed.

    If more arrive, the work is done again.
    """
    attempts: int
    """The number of earlier attempts that failed."""
    requested_at: datetime
    pushed_at: datetime | None = None
    interruptions: int = 0
    """The number of earlier claims in a row that ended without a result, because the process of the worker ended."""
    was_interrupted: bool = False
    """True if the last claim before this claim ended in this way."""


@dataclass(frozen=True, slots=True)
class PendingWork:
    """A piece of work that is not finished, for pages that show the queue."""

    key: WorkKey
    priority: WorkPriority
    reason: WorkReason
    trace: str
    requested_at: datetime
    due_at: datetime
    worker: str | None
    """The worker that is doing the work; None if it waits."""
    attempts: int
    error: str | None
    """The message of the last failed attempt; None if no attempt failed."""
    interruptions: int = 0
    """As in `ClaimedWork`."""


@dataclass(frozen=True, slots=True)
class FinishedWork:
    """The record of a piece of work after it was done or failed."""

    key: WorkKey
    trace: str
    reason: WorkReason
    started_at: datetime
    ended_at: datetime
    result: str
    """The result of the work, in one line."""
    is_failure: bool = False
    opened: int = 0
    """The number of proposals that were opened."""
    pushed_at: datetime | None = None
    """The time of the push that led to the work; None if no push did."""


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """Figures about the pending work."""

    waiting: int
    """Work that is due or will be due, and that no worker is doing."""
    due: int
    """The part of `waiting` that is due."""
    claimed: int
    """Work that a worker is doing."""
    oldest_due_age: timedelta
    """How long the oldest work that is due has been waiting; zero if nothing is due."""
    next_due_in: timedelta | None
    """The time until more work is due; zero if work is due, None if nothing is waiting."""
