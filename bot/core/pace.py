"""Pace: which proposals may be opened in this run, and why the others wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from bot.model.dashboard import Ask
from bot.model.pace import Limits, Schedule
from bot.model.proposal import Defer, Deferral, Open, Proposal

_AT_ONCE = frozenset({Ask.OPEN, Ask.AGAIN})


@dataclass(slots=True)
class Queue:
    """What would be opened in one repository, and what bounds it."""

    limits: Limits
    opens: Sequence[Open]
    is_open: int
    """Requests of ours that are open there and stay so."""
    repositories_per_run: int | None = None
    """How many repositories a run may take on, as far as this one counts among them."""
    opened: int = field(default=0, init=False)


def deferrals(queues: Sequence[Queue], now: datetime) -> list[dict[str, Defer]]:
    """Return, for each repository in order, what waits there, by branch.

    What is worth the most is opened first, wherever it is, so that a limit over the run costs the least. What replaces
    something that is gone waits for nothing.
    """
    waiting: list[dict[str, Defer]] = [{} for _ in queues]
    opened_in_run = taken_on = 0
    wishes = ((place, step) for place, queue in enumerate(queues) for step in queue.opens)
    for place, step in sorted(wishes, key=lambda wish: _order(wish[1].proposal)):
        queue, proposal = queues[place], step.proposal
        is_free = proposal.is_overdue or bool(proposal.asks & _AT_ONCE)
        why = None if is_free else _why_wait(queue, proposal, opened_in_run, taken_on, now)
        if why is not None:
            waiting[place][proposal.branch] = Defer(proposal, why)
            continue
        queue.opened += 1
        opened_in_run += queue.limits.new_per_run is not None
        taken_on += proposal.is_first and queue.repositories_per_run is not None
    return waiting


def _why_wait(queue: Queue, proposal: Proposal, opened_in_run: int, taken_on: int, now: datetime) -> Deferral | None:
    limits, wave = queue.limits, queue.repositories_per_run
    if proposal.is_first and wave is not None and taken_on >= wave:
        return Deferral.ROLLOUT
    if not all(is_open(schedule, now) for schedule in proposal.schedules):
        return Deferral.SCHEDULE
    if limits.open_per_repository is not None and queue.is_open + queue.opened >= limits.open_per_repository:
        return Deferral.OPEN_PER_REPOSITORY
    if limits.new_per_repository is not None and queue.opened >= limits.new_per_repository:
        return Deferral.NEW_PER_REPOSITORY
    if limits.new_per_run is not None and opened_in_run >= limits.new_per_run:
        return Deferral.NEW_PER_RUN
    return None


def is_open(schedule: Schedule, now: datetime) -> bool:
    """Say whether a schedule allows the minute of `now`, on the clocks of its time zone."""
    minute = now.astimezone(ZoneInfo(schedule.timezone)).replace(second=0, microsecond=0)
    return next(CronSim(schedule.cron, minute - timedelta(seconds=1))) == minute


def _order(proposal: Proposal) -> tuple[int, int, datetime, str]:
    """Sort by what is fixed, then by the age of what is in use; what is unknown comes last."""
    worth = proposal.worth
    never = datetime.max.replace(tzinfo=UTC)
    return -worth.exploited, -worth.critical, worth.built or never, proposal.branch
