"""Decide whether a base branch is settled after a visit, and until when.

A branch is settled if the next run would make the same decisions and change nothing, as long as nothing changes on
which the decisions depend. If in doubt, a branch is not settled, so that the next run reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import assert_never

from bot.core.transition import build_transition
from bot.model.ci import CiOutcome
from bot.model.decision import (
    BlockedReference,
    Decision,
    HeldUpdate,
    ImageUpdate,
    RefusedUpdate,
    SkippedReference,
    SupersededReference,
    TrackedImage,
    Transition,
    UncheckedReference,
    UnresolvedReference,
    UpdateCandidate,
    UpToDate,
    get_tracked_image,
)
from bot.model.due_date import DueDate
from bot.model.evidence import Evidence, NotScanned, Scan, ScanOutcome
from bot.model.policy import PolicyConfig
from bot.model.proposal import NoChange, NoChangeReason, ProposalStep, RequestState
from bot.model.request_attributes import NO_ATTRIBUTES
from bot.model.signature import TransitionSignatures, VerifiedSignature
from bot.model.vocabulary import Reason

MAX_CI_DURATION = timedelta(hours=24)
"""How long a pull request is read in every run while its checks are pending.

A job of GitHub Actions ends after six hours at the latest, and daily runs must see its end once. After that, the
outcome counts as unknown.
"""
MAX_CI_START = timedelta(hours=1)
"""How long a pull request without any check is read in every run. A repository without CI never has a check."""
_LATE_SKIPS = frozenset({Reason.CONFLICTING_EDITS, Reason.NOT_PROVED})
"""Reasons for skipping an image reference that are found only after its tag was looked up."""


def are_decisions_lasting(decisions: Iterable[Decision]) -> bool:
    """Return True if the next run makes the same decisions, as long as their tags, evidence and rules are unchanged."""
    return all(map(_is_lasting, decisions))


def list_tracked_images(decisions: Iterable[Decision]) -> Iterator[TrackedImage]:
    """Yield the tracked images whose tags determine the decisions."""
    for decision in decisions:
        tracked_image = get_tracked_image(decision)
        is_looked_up = not isinstance(decision, SkippedReference) or decision.reason in _LATE_SKIPS
        if tracked_image is not None and is_looked_up:
            yield tracked_image


def list_possible_transitions(decisions: Iterable[Decision]) -> Iterator[Transition]:
    """Yield the transitions whose evidence determines the decisions."""
    for decision in decisions:
        update = decision.update if isinstance(decision, RefusedUpdate) else decision
        if isinstance(update, ImageUpdate):
            yield from (build_transition(update, candidate) for candidate in update.candidates)


def is_evidence_lasting(evidence: Evidence | None, *, is_scanner_known: bool) -> bool:
    """Return True if the next run gets the same evidence, as long as scanners and lists are unchanged.

    `is_scanner_known` is True if the scanner states a version, and its results change only with this version.
    """
    if evidence is None or (evidence.list_versions is not None and evidence.list_versions.unread_lists):
        return False
    if evidence.signatures is not None and not _are_signatures_lasting(evidence.signatures):
        return False
    outcomes = (outcome for outcome in (evidence.old, evidence.new) if outcome is not None)
    return all(_is_outcome_lasting(outcome, is_scanner_known=is_scanner_known) for outcome in outcomes)


def is_step_done(step: ProposalStep) -> bool:
    """Return True if the step leaves an open pull request exactly as it is, because it needs no change."""
    return (
        isinstance(step, NoChange)
        and step.reason is NoChangeReason.UNCHANGED
        and not step.must_comment
        and step.attributes == NO_ATTRIBUTES
        and step.request is not None
        and step.request.state is RequestState.OPEN
    )


def is_ci_awaited(outcome: CiOutcome, committed_at: datetime | None, now: datetime) -> bool:
    """Return True if CI on the last commit of a pull request can still end without a notice from the forge.

    No forge changes the time of the last change of a pull request when its checks end. The pull request is therefore
    read again until its commit is old.
    """
    if committed_at is None:
        return False
    limits = {CiOutcome.PENDING: MAX_CI_DURATION, CiOutcome.NONE: MAX_CI_START}
    return abs(now - committed_at) < limits.get(outcome, timedelta())


def find_due_time(
    decisions: Iterable[Decision], due_dates: Iterable[DueDate], policy_config: PolicyConfig, now: datetime
) -> datetime | None:
    """Return the next time at which the result of a visit could change by itself; None if there is none.

    At this time, a decision can change, or a proposal can become overdue. All dates in `end_of_life` count, whether or
    not they apply to one of the decisions.
    """
    decisions = tuple(decisions)
    times = [
        *(each.at for each in due_dates),
        *(_get_day_after(day) for day in _list_dates(decisions, policy_config)),
        *(
            candidate.matures_at
            for decision in decisions
            for candidate in _get_update_candidates(decision)
            if candidate.matures_at is not None
        ),
    ]
    return min((each for each in times if each > now), default=None)


def _is_lasting(decision: Decision) -> bool:
    match decision:
        case UpToDate() | SupersededReference() | ImageUpdate():
            return True
        case HeldUpdate(reason=reason, tracked_image=tracked_image):
            return reason.facts.is_lasting and not tracked_image.policy.min_age
        case SkippedReference(reason=reason) | RefusedUpdate(reason=reason):
            return reason.facts.is_lasting
        case UnresolvedReference() | UncheckedReference():
            return False
        case BlockedReference():  # a replacement can appear in the registry without any change that a run compares
            return False
    assert_never(decision)


def _are_signatures_lasting(signatures: TransitionSignatures) -> bool:
    """Return True if both images have valid signatures. A signature that is missing now may be added later."""
    return isinstance(signatures.new, VerifiedSignature) and isinstance(signatures.old, VerifiedSignature | None)


def _is_outcome_lasting(outcome: ScanOutcome, *, is_scanner_known: bool) -> bool:
    match outcome:
        case Scan():
            return is_scanner_known
        case NotScanned(reason=reason):
            return outcome.is_expected or (is_scanner_known and reason.facts.is_lasting)
    assert_never(outcome)


def _get_update_candidates(decision: Decision) -> Iterable[UpdateCandidate]:
    match decision:
        case ImageUpdate(candidates=candidates) | RefusedUpdate(update=ImageUpdate(candidates=candidates)):
            return candidates
        case _:
            return ()


def _list_dates(decisions: Iterable[Decision], policy_config: PolicyConfig) -> Iterator[date]:
    """Yield the last days on which ignore comments, accepted holds and the support of tags apply."""
    for decision in decisions:
        comment, tracked_image = decision.reference.ignore_comment, get_tracked_image(decision)
        if comment is not None and comment.until is not None:
            yield comment.until
        if tracked_image is not None:
            yield from (accepted.until for accepted in tracked_image.policy.accept)
    yield from (entry.date for entry in policy_config.end_of_life)


def _get_day_after(day: date) -> datetime:
    """Return the start of the day after `day`. All dates are in UTC."""
    return datetime.combine(day, time(), UTC) + timedelta(days=1)
