"""Due dates: the time by which the policy wants a proposal to be merged, or its update to run.

A due date is counted from the time at which a digest with the fix was available or, if the policy says so, from the
publication of the fix. The mark of a pull request keeps the date, so that the date depends neither on the state nor on
later digests:

- The date in the mark never moves to a later time.
- It moves to an earlier time only if the proposal fixes something more urgent than before. The new date is then counted
  from the run that finds this, because it was not known earlier.
- It stays if the evidence is unknown in this run, or if a finding is rated lower later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bot.core.choice.ages import determine_known_since
from bot.core.evidence.compare import URGENCIES, has_fix_for, is_as_urgent
from bot.core.transition import get_first_transition
from bot.model.decision import ImageUpdate, Transition
from bot.model.due_date import DueClass, DueDate, DueFrom, DuePeriods
from bot.model.evidence import Evidence, Scan, Urgency
from bot.model.image import Resolution, ResolvedTag
from bot.model.image_name import Digest, TagRef
from bot.model.proposal import ClosedBy, RemoteRequest, RequestState

NEAR = timedelta(days=3)
"""How long before its due date a proposal no longer waits for limits and schedules. It covers a weekend."""

UpdateWithEvidence = tuple[ImageUpdate, Evidence]


@dataclass(frozen=True, slots=True)
class FixTimes:
    """The times from which the due dates of one run are counted."""

    resolutions: Mapping[TagRef, Resolution]
    """The result of each tag's lookup in this run."""
    now: datetime

    def find_fix_time(self, transition: Transition, evidence: Evidence) -> datetime:
        """Return the time since which the new digest of a transition is known to exist.

        This is the time at which the registry received the digest. If the registry does not record it, this is the
        earlier of two times: the build time of the image, and the time at which basebump first saw the digest. If none
        of them is known, or if they are in the future, this is the time of the run.
        """
        built_at = evidence.new.created if isinstance(evidence.new, Scan) else None
        times = [self.now] if built_at is None else [self.now, built_at]
        resolved = self.resolutions.get(transition.new_tag_ref)
        if isinstance(resolved, ResolvedTag):
            digest = _find_tagged_digest(resolved, transition.new)
            record = resolved.registry_records.get(digest)
            if record is not None and record.pushed_at is not None:
                return min(record.pushed_at, self.now)
            times.append(determine_known_since(digest, resolved.observations, {}, self.now))
        return min(times)


def _find_tagged_digest(resolved: ResolvedTag, digest: Digest) -> Digest:
    """Return the digest of the index that contains the image `digest`; `digest` itself if it is not in an index."""
    manifests = (resolved.manifest, *resolved.earlier_manifests)
    return next((each.digest for each in manifests if each is not None and each.has_child(digest)), digest)


def compute_due_date(
    updates: Iterable[UpdateWithEvidence], recorded: DueDate | None, fix_times: FixTimes
) -> DueDate | None:
    """Return the due date of a proposal; None if the policy sets no duration for its fixes.

    Args:
        updates: The updates in the proposal, each with its evidence.
        recorded: The due date in the mark of the open pull request; None if there is none.
        fix_times: The times from which due dates are counted.
    """
    by_transition = _collect_periods(
        (update, evidence, update.tracked_image.policy.due) for update, evidence in updates
    )
    if not by_transition:
        return None
    candidates = list(_list_candidates(by_transition, fix_times))
    if recorded is not None:
        due_date = _keep_recorded(recorded, candidates, [periods for _, periods in by_transition], fix_times.now)
    elif candidates:
        due_date = min((DueDate(each.fix_time + each.period, each.fixes) for each in candidates), key=_get_order)
    else:
        return None
    is_private = due_date.is_private or any(each.is_private for each in by_transition.values())
    until = max((periods.until for _, periods in by_transition), key=lambda each: each.position)
    return read_due_date(replace(due_date, until=until, is_private=is_private), fix_times.now)


def is_due_date_unknown(updates: Iterable[UpdateWithEvidence]) -> bool:
    """Return True if the policy might set a due date, but the fixes of an update are unknown.

    References without a digest are ignored, because they have no old image to compare with.
    """
    return any(
        update.tracked_image.policy.due is not None and evidence.old is not None and evidence.delta is None
        for update, evidence in updates
    )


def read_due_date(due_date: DueDate | None, now: datetime) -> DueDate | None:
    """Return a due date in whole seconds, as in marks, with `is_overdue` computed for the time `now`."""
    if due_date is None:
        return None
    at = due_date.at.astimezone(UTC).replace(microsecond=0)
    return replace(due_date, at=at, is_overdue=now >= at)


def compute_waiting_limit(updates: Iterable[UpdateWithEvidence], fix_times: FixTimes) -> datetime | None:
    """Return the time from which limits and schedules no longer apply to a proposal; None if they always apply.

    This depends on the operator's policy only. A repository's own file can make due dates earlier, but must not lift
    the limits of the operator.
    """
    by_transition = _collect_periods(
        (update, evidence, update.tracked_image.policy.operator_due) for update, evidence in updates
    )
    times = (each.fix_time + each.period for each in _list_candidates(by_transition, fix_times))
    due_at = min(times, default=None)
    return due_at - NEAR if due_at is not None else None


def find_recorded_due_date(requests: Iterable[RemoteRequest]) -> DueDate | None:
    """Return the due date in the mark of the pull request that a proposal continues; None if there is none.

    Args:
        requests: The pull requests of one branch, newest first. A proposal continues the open pull request, or the
            newest pull request if it was closed because its branch was deleted. Nobody declined such a pull request.
    """
    for each in requests:
        match each.state:
            case RequestState.OPEN:
                return each.mark.due
            case RequestState.CLOSED:
                return each.mark.due if each.closed_by is ClosedBy.BRANCH_DELETION else None
            case RequestState.MERGED:
                return None
            case RequestState.BRANCH:
                pass
    return None


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A class of fixes in one update, which can determine the due date of the proposal."""

    fix_time: datetime
    period: timedelta
    fixes: DueClass


_PeriodsByTransition = Mapping[tuple[Transition, DuePeriods], Evidence]
"""The evidence on each update of an image, by the update and the durations of its policy. Many references can share
both."""


def _collect_periods(updates: Iterable[tuple[ImageUpdate, Evidence, DuePeriods | None]]) -> _PeriodsByTransition:
    return {
        (get_first_transition(update), periods): evidence
        for update, evidence, periods in updates
        if periods is not None
    }


def _list_candidates(by_transition: _PeriodsByTransition, fix_times: FixTimes) -> Iterator[_Candidate]:
    """Yield the classes of fixes in the updates. An update with unknown fixes yields nothing."""
    for (transition, periods), evidence in by_transition.items():
        for due_class, period in periods.list_periods():
            urgency = URGENCIES[due_class]
            if has_fix_for(evidence, urgency):
                published = _list_publications(evidence, urgency) if periods.from_ is DueFrom.FIX else ()
                fixed_at = min([fix_times.find_fix_time(transition, evidence), *published])
                yield _Candidate(fixed_at, period, due_class)


def _list_publications(evidence: Evidence, urgency: Urgency) -> Iterator[datetime]:
    """Yield the times since which the fixes of vulnerabilities that are at least as urgent are published.

    A fix that was there before basebump first looked for it may be older, but is at least as old as its date.
    """
    for finding in evidence.delta.fixed if evidence.delta is not None else ():
        if finding.fix_date is not None and is_as_urgent(finding, urgency, evidence.exploited_ids):
            yield finding.fix_date.at


def _keep_recorded(
    recorded: DueDate, candidates: Iterable[_Candidate], periods: Iterable[DuePeriods], now: datetime
) -> DueDate:
    """Return the recorded date, or an earlier one if the proposal now fixes something more urgent.

    Users can edit a mark. A recorded date is therefore at most as far away as the longest duration in the policy.
    """
    longest = max(period for each in periods for _, period in each.list_periods())
    at = min(recorded.at, now + longest)
    more_urgent = [each for each in candidates if each.fixes.position < recorded.fixes.position]
    if not more_urgent:
        return replace(recorded, at=at)
    worst = min(more_urgent, key=lambda each: (each.fixes.position, each.period))
    return replace(recorded, at=min(at, now + worst.period), fixes=worst.fixes)


def _get_order(due_date: DueDate) -> tuple[datetime, int]:
    return due_date.at, due_date.fixes.position
