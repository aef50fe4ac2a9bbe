"""Limits and schedules: which proposals are opened in this run, and why others wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from bot.model.dashboard import UserRequest
from bot.model.pace import ProposalLimits, ProposalSchedule
from bot.model.proposal import DeferProposal, DeferralReason, OpenRequest, Proposal

_AT_ONCE = frozenset({UserRequest.OPEN, UserRequest.AGAIN})


@dataclass(frozen=True, slots=True)
class Queue:
    """The proposals to open for one base branch of a repository, and their limits."""

    repository: Hashable
    """The key of the repository; all its base branches share its limits."""
    limits: ProposalLimits
    opens: Sequence[OpenRequest]
    open_now: int
    """Open requests of basebump for this base branch that stay open."""
    repositories_per_run: int | None = None
    """How many repositories a run may onboard; None if this repository does not count."""


@dataclass(slots=True)
class _Opened:
    """Counts of open proposals, and of those that this run opens."""

    open_in: Counter[Hashable]
    new_in: Counter[Hashable] = field(default_factory=Counter)
    in_run: int = 0
    """Opened proposals that count towards the limit per run."""
    taken_on: set[Hashable] = field(default_factory=set)

    def add(self, queue: Queue, proposal: Proposal) -> None:
        self.open_in[queue.repository] += 1
        self.new_in[queue.repository] += 1
        self.in_run += queue.limits.new_per_run is not None
        if proposal.is_onboarding and queue.repositories_per_run is not None:
            self.taken_on.add(queue.repository)


def deferrals(queues: Sequence[Queue], now: datetime) -> list[dict[str, DeferProposal]]:
    """Return the deferred proposals of each queue by branch, in the order of the queues.

    Proposals with the highest priority are opened first, across all repositories, so that a limit per run has the least
    cost. A proposal that replaces a digest which is gone, or that a user requests, is never deferred.
    """
    waiting: list[dict[str, DeferProposal]] = [{} for _ in queues]
    opened = _Opened(sum((Counter({queue.repository: queue.open_now}) for queue in queues), Counter()))
    wishes = ((place, step.proposal) for place, queue in enumerate(queues) for step in queue.opens)
    for place, proposal in sorted(wishes, key=lambda wish: _order(wish[1])):
        why = _why_wait(queues[place], proposal, opened, now)
        if why is None:
            opened.add(queues[place], proposal)
        else:
            waiting[place][proposal.branch] = DeferProposal(proposal, why)
    return waiting


def _why_wait(queue: Queue, proposal: Proposal, opened: _Opened, now: datetime) -> DeferralReason | None:
    if proposal.is_overdue or proposal.user_requests & _AT_ONCE:
        return None
    limits, repository = queue.limits, queue.repository
    is_new = proposal.is_onboarding and repository not in opened.taken_on
    if is_new and _is_reached(queue.repositories_per_run, len(opened.taken_on)):
        return DeferralReason.ROLLOUT
    if proposal.awaits_evidence:
        return DeferralReason.UNPROVEN
    if proposal.opens_at is not None and now < proposal.opens_at:
        return DeferralReason.WORTHLESS
    if not all(is_open(schedule, now) for schedule in proposal.schedules):
        return DeferralReason.SCHEDULE
    if _is_reached(limits.open_per_repository, opened.open_in[repository]):
        return DeferralReason.OPEN_PER_REPOSITORY
    if _is_reached(limits.new_per_repository, opened.new_in[repository]):
        return DeferralReason.NEW_PER_REPOSITORY
    return DeferralReason.NEW_PER_RUN if _is_reached(limits.new_per_run, opened.in_run) else None


def _is_reached(limit: int | None, count: int) -> bool:
    return limit is not None and count >= limit


def is_open(schedule: ProposalSchedule, now: datetime) -> bool:
    """Return True if a schedule matches the minute of `now`, in its time zone."""
    minute = now.astimezone(ZoneInfo(schedule.timezone)).replace(second=0, microsecond=0)
    return next(CronSim(schedule.cron, minute - timedelta(seconds=1))) == minute


def _order(proposal: Proposal) -> tuple[int, int, datetime, str]:
    """Return the sort key: fixed vulnerabilities, then the age of images in use; unknown ages come last."""
    worth = proposal.priority
    never = datetime.max.replace(tzinfo=UTC)
    return -worth.exploited_fixed, -worth.critical_fixed, worth.oldest_built_at or never, proposal.branch
