"""Options of a proposal, merged from the policies of all image references in it."""

from __future__ import annotations

from collections.abc import Iterable

from bot.core.evidence.compare import collect_exploited_ids, count_by_severity, count_distinct, filter_exploited
from bot.model.decision import ImageUpdate, UpdateCause
from bot.model.evidence import Evidence, Scan, Severity
from bot.model.limits import ProposalSchedule
from bot.model.modes import OnClose, Rebase
from bot.model.proposal import ProposalPriority
from bot.model.request_attributes import RequestAttributes


def is_only_aged(update: ImageUpdate) -> bool:
    """Return True if an update is proposed only because the new image has now reached the minimum age of the policy.

    The tag has pointed to this image for some time already, so the update is less urgent than others.
    """
    is_old_enough = update.candidates[0].matures_at is None
    return update.cause is UpdateCause.MOVED and bool(update.tracked_image.policy.min_age) and is_old_enough


def collect_schedules(updates: Iterable[ImageUpdate]) -> tuple[ProposalSchedule, ...]:
    """Return the schedules of all policies. A proposal is opened only at times that every schedule allows."""
    return tuple(sorted({each for update in updates for each in update.tracked_image.policy.schedules}, key=repr))


def determine_on_close(updates: Iterable[ImageUpdate]) -> OnClose:
    """Return whether closing the proposal declines only the proposed digests, or also all later digests of the tags.

    Later digests are declined only if the policies of all updates say so.
    """
    return (
        OnClose.LINE
        if all(update.tracked_image.policy.on_close is OnClose.LINE for update in updates)
        else OnClose.DIGEST
    )


def merge_attributes(updates: Iterable[ImageUpdate]) -> RequestAttributes:
    """Return the labels, reviewers, assignees and milestone of a pull request that contains all `updates`.

    The names in all policies are combined. A pull request can have only one milestone. If the policies name several
    milestones, the alphabetically first one is used.
    """
    policies = [update.tracked_image.policy for update in updates]
    return RequestAttributes(
        labels=_merge_names(policy.labels for policy in policies),
        reviewers=_merge_names(policy.reviewers for policy in policies),
        assignees=_merge_names(policy.assignees for policy in policies),
        milestone=min((policy.milestone for policy in policies if policy.milestone is not None), default=None),
    )


def determine_rebase(updates: Iterable[ImageUpdate]) -> Rebase:
    """Return when basebump rebuilds the branch of a proposal after changes of the base branch.

    If the policies of the updates differ, `never` takes precedence over `always`, and `always` over `auto`.
    """
    modes = {update.tracked_image.policy.rebase for update in updates}
    return next((each for each in (Rebase.NEVER, Rebase.ALWAYS) if each in modes), Rebase.AUTO)


def compute_priority(evidence: Iterable[Evidence]) -> ProposalPriority:
    """Return the priority of a proposal.

    It consists of the numbers of exploited and critical vulnerabilities that the proposal fixes, the build time of the
    oldest image that it replaces, and whether one of its images runs in a cluster. Unknown vulnerability changes and
    build times are ignored.
    """
    all_evidence = list(evidence)
    fixed = [finding for each in all_evidence if each.delta is not None for finding in each.delta.fixed]
    exploited_ids = collect_exploited_ids(all_evidence)
    built = (each.old.created for each in all_evidence if isinstance(each.old, Scan) and each.old.created is not None)
    return ProposalPriority(
        exploited_fixed=count_distinct(filter_exploited(fixed, exploited_ids)),
        critical_fixed=count_by_severity(fixed)[Severity.CRITICAL],
        oldest_built_at=min(built, default=None),
        is_running=any(each.running for each in all_evidence),
    )


def _merge_names(names: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted({name for each in names for name in each}))
