"""The tables of the service: pending work, finished work, and deliveries of events."""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_never

from sqlalchemy import Boolean, Column, ColumnElement, Index, Integer, Row, and_, func

from bot.model.delivery import DeliveryOutcome
from bot.model.image_name import TagRef
from bot.model.work import PollWork, SweepWork, TagWork, VisitWork, WorkKey, WorkKind, WorkPriority, WorkReason
from bot.state.tables import StorableText, UtcDateTime, define_table

KEY_NAMES = ("kind", "forge", "host", "repository", "tag")
KNOWN_KINDS = tuple(each.value for each in WorkKind)
"""The kinds of work that this release knows. A later release can have stored others."""
KNOWN_OUTCOMES = tuple(each.value for each in DeliveryOutcome)
"""The outcomes of deliveries that this release knows."""


def _build_key_columns(*, is_primary: bool) -> list[Column[str]]:
    """Return the columns that contain the key of a piece of work. Columns that its kind does not use are empty."""
    return [Column(name, StorableText, primary_key=is_primary, nullable=False) for name in KEY_NAMES]


PENDING_WORK = define_table(
    "pending_work",
    *_build_key_columns(is_primary=True),
    Column("priority", Integer, nullable=False),
    Column("reason", StorableText, nullable=False),
    Column("trace", StorableText, nullable=False),
    Column("version", Integer, nullable=False),  # the number of merged requests
    Column("requested_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("latest_due_at", UtcDateTime, nullable=False),  # further requests do not delay the work beyond this time
    Column("pushed_at", UtcDateTime),
    Column("worker", StorableText),  # NULL if no worker is doing the work
    Column("claimed_version", Integer),
    Column("claimed_until", UtcDateTime),
    Column("attempts", Integer, nullable=False),
    Column("error", StorableText),
    Column("interruptions", Integer, nullable=False),
    Index("pending_work_by_priority", "priority", "requested_at"),
    has_rowid=False,
)

FINISHED_WORK = define_table(
    "finished_work",
    Column("id", Integer, primary_key=True),
    *_build_key_columns(is_primary=False),
    Column("trace", StorableText, nullable=False),
    Column("reason", StorableText, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, nullable=False),
    Column("result", StorableText, nullable=False),
    Column("is_failure", Boolean, nullable=False),
    Column("opened", Integer, nullable=False),
    Column("pushed_at", UtcDateTime),
    Index("finished_work_by_end", "ended_at"),
)

DELIVERIES = define_table(
    "deliveries",
    Column("sender", StorableText, primary_key=True),
    Column("delivery", StorableText, primary_key=True),
    Column("received_at", UtcDateTime, nullable=False),
    Column("outcome", StorableText, nullable=False),
    Column("trace", StorableText, nullable=False),
    Column("subjects", StorableText, nullable=False),  # a JSON list
    Column("repeats", Integer, nullable=False),
    Index("deliveries_by_time", "received_at"),
    has_rowid=False,
)


def build_key_values(key: WorkKey) -> dict[str, str]:
    """Return the values of the key columns for a piece of work."""
    match key:
        case TagWork(tag_ref):
            values = (WorkKind.TAG.value, "", "", tag_ref.repository, tag_ref.tag)
        case VisitWork(forge, host, repository):
            values = (WorkKind.VISIT.value, forge, host, repository, "")
        case SweepWork():
            values = (WorkKind.SWEEP.value, "", "", "", "")
        case PollWork(host):
            values = (WorkKind.POLL.value, "", host, "", "")
        case _:
            assert_never(key)
    return dict(zip(KEY_NAMES, values, strict=True))


def build_claimed_condition(now: datetime) -> ColumnElement[bool]:
    """Return the condition that is true for pending work that a worker is doing, and false for all other rows."""
    is_claimed = and_(PENDING_WORK.c.worker.is_not(None), PENDING_WORK.c.claimed_until > now)
    return func.coalesce(is_claimed, False)


def parse_key(row: Row[Any]) -> WorkKey:
    """Return the key of the work in a row. Raises ValueError if a later release wrote a kind that is not known."""
    kind = WorkKind(row.kind)
    match kind:
        case WorkKind.TAG:
            return TagWork(TagRef(row.repository, row.tag))
        case WorkKind.VISIT:
            return VisitWork(row.forge, row.host, row.repository)
        case WorkKind.SWEEP:
            return SweepWork()
        case WorkKind.POLL:
            return PollWork(row.host)
    assert_never(kind)


def parse_priority(row: Row[Any]) -> WorkPriority:
    """Return the priority of the work in a row. If only a later release knows it, return the nearest one."""
    return WorkPriority(min(max(row.priority, min(WorkPriority)), max(WorkPriority)))


def parse_reason(row: Row[Any]) -> WorkReason:
    """Return the reason of the work in a row. Reasons that only a later release knows count as a sweep.

    The work has to be done for any reason.
    """
    try:
        return WorkReason(row.reason)
    except ValueError:
        return WorkReason.SWEEP
