"""Whether a run could read all data on which the proposal of a branch depends."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from bot.core.proposal.marks import parse_mark
from bot.model.decision import (
    BlockedReference,
    Decision,
    HeldUpdate,
    RefusedUpdate,
    SkippedReference,
    UnresolvedReference,
    get_tracked_image,
)
from bot.model.proposal import NoChangeReason, RemoteRequest
from bot.model.source import NotEditable
from bot.model.vocabulary import Reason
from bot.pipeline.extract import ExtractResult
from bot.pipeline.plan_proposals import PlannedProposal


def list_proposed_tags(requests: Iterable[RemoteRequest]) -> frozenset[str]:
    """Return the tags for which the requests propose digests, each as `repository:tag`."""
    return frozenset(target.rpartition("@")[0] for each in requests for target in parse_mark(each.body).targets)


def is_fully_resolved_branch(
    planned_proposal: PlannedProposal | None,
    decisions: Sequence[Decision],
    requests: Sequence[RemoteRequest],
    extract_result: ExtractResult,
) -> bool:
    """Return True if this run could read all data on which the proposal for a branch depends.

    If a registry, or a file that may use one of the images, could not be read, return False. If the result is False,
    the request of the branch must not be closed, because the next run may find the update again.
    """
    if any(_find_undecided_reason(each) is not None for each in decisions):
        return False
    if planned_proposal is not None:
        return not extract_result.failures
    proposed_tags = list_proposed_tags(requests)
    if any(_is_retag_unverified(decision, proposed_tags) for decision in decisions):
        return False
    repositories = {decision.reference.image.repository for decision in decisions}
    repositories |= {tag_ref.rpartition(":")[0] for tag_ref in proposed_tags}
    return not any(extract_result.may_hide_image(repository) for repository in repositories or {""})


def find_unresolved_reason(decisions: Iterable[Decision]) -> NoChangeReason:
    """Return the reason that the request of a branch stays as it is, although the branch is not fully resolved.

    Data that was not read comes first, because it could change everything else.
    """
    found = set(map(_find_undecided_reason, decisions))
    by_importance = (NoChangeReason.UNKNOWN, NoChangeReason.PAUSED, NoChangeReason.FAILING_ELSEWHERE)
    return next((each for each in by_importance if each in found), NoChangeReason.UNKNOWN)


def _find_undecided_reason(decision: Decision) -> NoChangeReason | None:
    """Return the reason that a later run may decide differently although the image did not change; None if it may not.

    Some data was not available in this run, or updates are paused. Open requests then stay as they are.
    """
    match decision:
        case SkippedReference(reason=Reason.PAUSED):
            return NoChangeReason.PAUSED
        case HeldUpdate(reason=Reason.FAILING_ELSEWHERE):
            return NoChangeReason.FAILING_ELSEWHERE
        case UnresolvedReference() | BlockedReference(is_certain=False) | RefusedUpdate(reason=Reason.NOT_SCANNED):
            return NoChangeReason.UNKNOWN
        case SkippedReference(reason=reason):
            slot = decision.reference.digest_slot
            is_unsure = isinstance(slot, NotEditable) and slot.reason is reason and not slot.is_certain
            return NoChangeReason.UNKNOWN if is_unsure else None
        case _:
            return None


def _is_retag_unverified(decision: Decision, proposed_tags: Collection[str]) -> bool:
    """Return True if a tag in `proposed_tags` would replace the reference's tag, but tags could not be listed.

    Without the registry's list of tags, it is unknown whether the proposed tag is still the right one. `proposed_tags`
    are the tags in open requests, each as `repository:tag`.
    """
    tracked_image = get_tracked_image(decision)
    if tracked_image is None or not tracked_image.missing_tags_reason:
        return False
    tag_ref = tracked_image.tag_ref
    return any(each != str(tag_ref) and each.rpartition(":")[0] == tag_ref.repository for each in proposed_tags)
