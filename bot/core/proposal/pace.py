"""Pace: which proposals may be opened in this run, and why the others wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from bot.model.dashboard import Ask
from bot.model.pace import Limits, Schedule
from bot.model.proposal import Defer, Deferral, Open, Proposal

_AT_ONCE = frozenset({Ask.OPEN, Ask.AGAIN})


@dataclass(frozen=True, slots=True)
class Queue:
    """What would be opened for one base branch of a repository, and what bounds it."""

    repository: Hashable
    """Which one it is: all of its base branches share its limits."""
    limits: Limits
    opens: Sequence[Open]
    open_now: int
    """Requests of ours that are open for this base branch and stay so."""
    repositories_per_run: int | None = None
    """How many repositories a run may take on, as far as this one counts among them."""


@dataclass(slots=True)
class _Opened:
    """What is open, and what this run adds to it."""

    open_in: Counter[Hashable]
    new_in: Counter[Hashable] = field(default_factory=Counter)
    in_run: int = 0
    """As far as limits over the run count it."""
    taken_on: set[Hashable] = field(default_factory=set)

    def add(self, queue: Queue, proposal: Proposal) -> None:
        self.open_in[queue.repository] += 1
        self.new_in[queue.repository] += 1
        self.in_run += queue.limits.new_per_run is not None
        if proposal.is_first and queue.repositories_per_run is not None:
            self.taken_on.add(queue.repository)


def deferrals(queues: Sequence[Queue], now: datetime) -> list[dict[str, Defer]]:
    """Return, for each queue in order, what waits there, by branch.

    What is worth the most is opened first, wherever it is, so that a limit over the run costs the least. What replaces
    something that is gone, or is asked for by a person, waits for nothing.
    """
    waiting: list[dict[str, Defer]] = [{} for _ in queues]
    opened = _Opened(sum((Counter({queue.repository: queue.open_now}) for queue in queues), Counter()))
    wishes = ((place, step.proposal) for place, queue in enumerate(queues) for step in queue.opens)
    for place, proposal in sorted(wishes, key=lambda wish: _order(wish[1])):
        why = _why_wait(queues[place], proposal, opened, now)
        if why is None:
            opened.add(queues[place], proposal)
        else:
            waiting[place][proposal.branch] = Defer(proposal, why)
    return waiting


def _why_wait(queue: Queue, proposal: Proposal, opened: _Opened, now: datetime) -> Deferral | None:
    if proposal.is_overdue or proposal.asks & _AT_ONCE:
        return None
    limits, repository = queue.limits, queue.repository
    is_new = proposal.is_first and repository not in opened.taken_on
    if is_new and _is_reached(queue.repositories_per_run, len(opened.taken_on)):
        return Deferral.ROLLOUT
    if proposal.is_unproven:
        return Deferral.UNPROVEN
    if proposal.opens_at is not None and now < proposal.opens_at:
        return Deferral.WORTHLESS
    if not all(is_open(schedule, now) for schedule in proposal.schedules):
        return Deferral.SCHEDULE
    if _is_reached(limits.open_per_repository, opened.open_in[repository]):
        return Deferral.OPEN_PER_REPOSITORY
    if _is_reached(limits.new_per_repository, opened.new_in[repository]):
        return Deferral.NEW_PER_REPOSITORY
    return Deferral.NEW_PER_RUN if _is_reached(limits.new_per_run, opened.in_run) else None


def _is_reached(limit: int | None, count: int) -> bool:
    return limit is not None and count >= limit


def is_open(schedule: Schedule, now: datetime) -> bool:
    """Say whether a schedule allows the minute of `now`, on the clocks of its time zone."""
    minute = now.astimezone(ZoneInfo(schedule.timezone)).replace(second=0, microsecond=0)
    return next(CronSim(schedule.cron, minute - timedelta(seconds=1))) == minute


def _order(proposal: Proposal) -> tuple[int, int, datetime, str]:
    """Sort by what is fixed, then by the age of what is in use; what is unknown comes last."""
    worth = proposal.worth
    never = datetime.max.replace(tzinfo=UTC)
    return -worth.exploited, -worth.critical, worth.built or never, proposal.branch
