"""Options of one proposal, merged from the policies of all its image references."""

from __future__ import annotations

from collections.abc import Iterable

from bot.core.evidence.compare import count_by_severity, distinct, exploited, exploited_in
from bot.model.decision import ImageUpdate, UpdateCause
from bot.model.evidence import Evidence, Scan, Severity
from bot.model.extras import RequestAttributes
from bot.model.modes import OnClose, Rebase
from bot.model.pace import ProposalSchedule
from bot.model.proposal import ProposalPriority


def slides(update: ImageUpdate) -> bool:
    """Return True if an update waited only for its minimum age, so that its publisher released it some time ago."""
    is_old_enough = update.candidates[0].matures_at is None
    return update.cause is UpdateCause.MOVED and bool(update.tracked_image.policy.min_age) and is_old_enough


def schedules_of(updates: Iterable[ImageUpdate]) -> tuple[ProposalSchedule, ...]:
    """Return all schedules, each of which must allow opening the proposal."""
    return tuple(sorted({each for update in updates for each in update.tracked_image.policy.schedules}, key=repr))


def on_close_of(updates: Iterable[ImageUpdate]) -> OnClose:
    """Return what closing the proposal declines: all later digests only if every policy says so."""
    return (
        OnClose.LINE
        if all(update.tracked_image.policy.on_close is OnClose.LINE for update in updates)
        else OnClose.DIGEST
    )


def extras_of(updates: Iterable[ImageUpdate]) -> RequestAttributes:
    """Return the labels, reviewers and assignees of all policies; of several milestones the first by name."""
    policies = [update.tracked_image.policy for update in updates]
    return RequestAttributes(
        labels=_union(policy.labels for policy in policies),
        reviewers=_union(policy.reviewers for policy in policies),
        assignees=_union(policy.assignees for policy in policies),
        milestone=min((policy.milestone for policy in policies if policy.milestone is not None), default=None),
    )


def rebase_of(updates: Iterable[ImageUpdate]) -> Rebase:
    """Return when the branch is rebuilt: `never` takes precedence, then `always`."""
    said = {update.tracked_image.policy.rebase for update in updates}
    return next((each for each in (Rebase.NEVER, Rebase.ALWAYS) if each in said), Rebase.AUTO)


def worth_of(evidence: Iterable[Evidence]) -> ProposalPriority:
    """Return the priority by the fixed vulnerabilities and the age of the images in use, as far as known."""
    known = list(evidence)
    fixed = [finding for each in known if each.delta is not None for finding in each.delta.fixed]
    listed = exploited_in(known)
    built = (each.old.created for each in known if isinstance(each.old, Scan) and each.old.created is not None)
    return ProposalPriority(
        exploited_fixed=distinct(exploited(fixed, listed)),
        critical_fixed=count_by_severity(fixed)[Severity.CRITICAL],
        oldest_built_at=min(built, default=None),
    )


def _union(names: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted({name for each in names for name in each}))
