"""Limits and schedules: which proposals are opened in this run, and why the others have to wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim

from bot.model.dashboard import RequestedAction
from bot.model.limits import Opening, ProposalLimits, ProposalSchedule
from bot.model.proposal import DeferProposal, DeferralReason, OpenStep, Proposal

_IMMEDIATE_ACTIONS = frozenset({RequestedAction.OPEN, RequestedAction.AGAIN})
MAX_WAIT = timedelta(days=366)
"""How far ahead the next opening of a schedule is searched."""
MAX_SEARCH_STEPS = 2_000
"""Limit on the times that are compared with the schedules. Two schedules on different days need two steps a week."""


@dataclass(frozen=True, slots=True)
class OpenQueue:
    """The proposals that could be opened for one base branch of a repository, and the limits for opening them."""

    repository: Hashable
    """The key of the repository. All base branches of a repository share its limits."""
    limits: ProposalLimits
    open_steps: Sequence[OpenStep]
    """The steps that open a pull request. Some of them may have to wait."""
    open_count: int
    """Number of basebump's open pull requests for this base branch that this run leaves open."""
    repositories_per_run: int | None = None
    """The maximum number of repositories that a run onboards; None if this repository does not count towards it."""
    full_name: tuple[str, str, str] = ("", "", "")
    """The name of the repository in an `Opening`."""

    def build_opening(self, proposal: Proposal) -> Opening:
        """Return the entry for a proposal that is opened."""
        return Opening(
            self.full_name,
            proposal.branch,
            counts_in_window=self.limits.new_per_window is not None,
            is_first_of_repository=proposal.is_onboarding and self.repositories_per_run is not None,
        )


class _OpenCounts:
    """The numbers of open pull requests and of proposals that were opened, for comparison with the limits.

    Also counted are proposals that other runs opened recently, or that an interrupted run was about to open.
    """

    def __init__(self, queues: Sequence[OpenQueue], recent: Sequence[Opening]) -> None:
        self.open_by_repository = sum((Counter({each.repository: each.open_count}) for each in queues), Counter())
        by_name = Counter(each.repository for each in recent)
        self.new_by_repository: Counter[Hashable] = Counter(
            {each.repository: by_name[each.full_name] for each in queues}
        )
        self.new_in_window = sum(each.counts_in_window for each in recent)
        self.onboarded: set[Hashable] = {each.repository for each in recent if each.is_first_of_repository}
        self._reserved = {(each.repository, each.branch) for each in recent}

    def is_reserved(self, queue: OpenQueue, proposal: Proposal) -> bool:
        """Return True if another run opened the proposal recently, or was interrupted before.

        Such a proposal is already counted.
        """
        return (queue.full_name, proposal.branch) in self._reserved

    def is_onboarded(self, queue: OpenQueue) -> bool:
        return queue.repository in self.onboarded or queue.full_name in self.onboarded

    def add(self, queue: OpenQueue, proposal: Proposal) -> None:
        self.open_by_repository[queue.repository] += 1
        if self.is_reserved(queue, proposal):
            return
        self.new_by_repository[queue.repository] += 1
        self.new_in_window += queue.limits.new_per_window is not None
        if proposal.is_onboarding and queue.repositories_per_run is not None and not self.is_onboarded(queue):
            self.onboarded.add(queue.repository)


def defer_proposals(
    queues: Sequence[OpenQueue], now: datetime, recent: Sequence[Opening] = ()
) -> list[dict[str, DeferProposal]]:
    """Return the proposals that must not be opened in this run, each with the reason why it has to wait.

    `recent` are the proposals that runs with the same state opened within the window of the limits.

    The result has one dictionary for each of `queues`, in the same order. Its keys are branch names.

    Proposals are compared with the limits in the order of priority, across all repositories. So if only five proposals
    may be opened in a run, the five most important ones are opened. A proposal never waits if a user requests it, if
    it replaces a digest that no longer exists, or if its due date is near.
    """
    deferred: list[dict[str, DeferProposal]] = [{} for _ in queues]
    open_counts = _OpenCounts(queues, recent)
    candidates = ((index, step.proposal) for index, queue in enumerate(queues) for step in queue.open_steps)
    for index, proposal in sorted(candidates, key=lambda each: _get_sort_key(each[1])):
        why = _find_deferral_reason(queues[index], proposal, open_counts, now)
        if why is None:
            open_counts.add(queues[index], proposal)
        else:
            detail = _describe_opening(proposal, now) if why is DeferralReason.SCHEDULE else ""
            deferred[index][proposal.branch] = DeferProposal(proposal, why, detail)
    return deferred


def _find_deferral_reason(
    queue: OpenQueue, proposal: Proposal, open_counts: _OpenCounts, now: datetime
) -> DeferralReason | None:
    is_due_soon = proposal.waits_until is not None and now >= proposal.waits_until
    if proposal.replaces_unusable_digest or is_due_soon or proposal.requested_actions & _IMMEDIATE_ACTIONS:
        return None
    limits, repository = queue.limits, queue.repository
    is_reserved = open_counts.is_reserved(queue, proposal)
    is_new = proposal.is_onboarding and not is_reserved and not open_counts.is_onboarded(queue)
    if is_new and _is_reached(queue.repositories_per_run, len(open_counts.onboarded)):
        return DeferralReason.ROLLOUT
    if proposal.awaits_evidence:
        return DeferralReason.UNPROVEN
    if proposal.opens_at is not None and now < proposal.opens_at:
        return DeferralReason.WORTHLESS
    if not all(is_schedule_open(schedule, now) for schedule in proposal.schedules):
        return DeferralReason.SCHEDULE
    if _is_reached(limits.open_per_repository, open_counts.open_by_repository[repository]):
        return DeferralReason.OPEN_PER_REPOSITORY
    if is_reserved:
        return None
    if _is_reached(limits.new_per_repository, open_counts.new_by_repository[repository]):
        return DeferralReason.NEW_PER_REPOSITORY
    return DeferralReason.NEW_PER_WINDOW if _is_reached(limits.new_per_window, open_counts.new_in_window) else None


def _is_reached(limit: int | None, count: int) -> bool:
    return limit is not None and count >= limit


def is_schedule_open(schedule: ProposalSchedule, now: datetime) -> bool:
    """Return True if the schedule allows opening proposals in the current minute (`now`).

    The schedule's own time zone is used.
    """
    minute = now.astimezone(ZoneInfo(schedule.timezone)).replace(second=0, microsecond=0)
    return next(CronSim(schedule.cron, minute - timedelta(seconds=1))) == minute


def find_opening_time(schedules: Sequence[ProposalSchedule], now: datetime) -> datetime | None:
    """Return the first minute, from now on, at which all schedules allow opening proposals.

    The time zone of the result is that of the schedules, or UTC if the schedules have several time zones. Return None
    if the schedules allow no minute within MAX_WAIT, or if the search exceeds MAX_SEARCH_STEPS.
    """
    timezones = {each.timezone for each in schedules}
    timezone = ZoneInfo(timezones.pop() if len(timezones) == 1 else "UTC")
    time = now.astimezone(UTC).replace(second=0, microsecond=0)
    for _ in range(MAX_SEARCH_STEPS):
        times = [_find_open_minute(each, time) for each in schedules]
        latest = max((each for each in times if each is not None), default=time)
        if None in times or latest > now + MAX_WAIT:
            return None
        if latest == time:
            return time.astimezone(timezone)
        time = latest
    return None


def _find_open_minute(schedule: ProposalSchedule, begin: datetime) -> datetime | None:
    """Return the first minute from `begin` on at which a schedule is open, in UTC; None if there is none."""
    local = begin.astimezone(ZoneInfo(schedule.timezone))
    found = next(CronSim(schedule.cron, local - timedelta(seconds=1)), None)
    return None if found is None else found.astimezone(UTC)


def _describe_opening(proposal: Proposal, now: datetime) -> str:
    """Return a sentence with the time at which the schedules of a proposal next allow opening it."""
    return _describe_opening_time(proposal.schedules, proposal.waits_until, now.replace(second=0, microsecond=0))


@lru_cache(maxsize=1024)
def _describe_opening_time(schedules: tuple[ProposalSchedule, ...], waits_until: datetime | None, now: datetime) -> str:
    opening = find_opening_time(schedules, now)
    if waits_until is not None and (opening is None or waits_until < opening):
        return f"Because of its due date, it can be opened from {_format_time(waits_until.astimezone(UTC))} on."
    if opening is None:
        return f"No time within {MAX_WAIT.days} days is in all of its schedules."
    return f"The schedule next allows it on {_format_time(opening)}."


def _format_time(time: datetime) -> str:
    return f"{time:%Y-%m-%d} at {time:%H:%M} ({time.tzinfo})"


def _get_sort_key(proposal: Proposal) -> tuple[int, bool, int, int, datetime, datetime, str]:
    """Return a key that sorts proposals by priority, the most important one first.

    Proposals that fix exploited vulnerabilities come first, then those that fix critical vulnerabilities, then all
    others. Among these, proposals whose images run in a cluster come first, then those that fix more exploited or
    critical vulnerabilities, then those with an earlier due date, then those that update older images. An image of
    unknown age counts as the youngest.
    """
    priority = proposal.priority
    severity_rank = 0 if priority.exploited_fixed else 1 if priority.critical_fixed else 2
    never = datetime.max.replace(tzinfo=UTC)
    due_at = proposal.due.at if proposal.due is not None else never
    return (
        severity_rank,
        not priority.is_running,
        -priority.exploited_fixed,
        -priority.critical_fixed,
        due_at,
        priority.oldest_built_at or never,
        proposal.branch,
    )
