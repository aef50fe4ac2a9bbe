"""Determine which branches are fully resolved, and replace pull requests whose digests are blocked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.core.choice.blocklist import find_listed_digest
from bot.core.markdown import Text
from bot.model.blocklist import Block, Blocklist
from bot.model.decision import (
    BlockedReference,
    Decision,
    HeldUpdate,
    RefusedUpdate,
    SkippedReference,
    UnresolvedReference,
    get_tracked_image,
)
from bot.model.image import Resolution, ResolvedTag
from bot.model.image_name import TagRef, parse_sha256
from bot.model.proposal import NoChangeReason, NoProposal, Proposal, RemoteRequest, RequestState
from bot.model.source import NotEditable
from bot.model.vocabulary import Reason
from bot.pipeline.proposal.plan_proposals import PlannedProposal
from bot.pipeline.references.extract import ExtractResult


@dataclass(frozen=True, slots=True)
class DesiredState:
    """The desired state of a branch, and whether all data on which it depends could be read."""

    desired: Proposal | NoProposal
    is_fully_resolved: bool


def replace_blocked_request(
    state: DesiredState,
    requests: Sequence[RemoteRequest],
    blocklist: Blocklist,
    resolutions: Mapping[TagRef, Resolution],
) -> DesiredState:
    """Return the desired state of a branch whose open pull request might propose a blocked digest.

    If the digest is blocked, the pull request is updated without waiting. If no other digest can be proposed, or if
    this is unknown, the pull request is closed, because a user could merge it in the meantime.
    """
    block = _find_proposed_block(requests, blocklist, resolutions)
    if block is None:
        return state
    if isinstance(state.desired, Proposal) and state.is_fully_resolved:
        return replace(state, desired=replace(state.desired, is_urgent=True))
    reason = f"It proposes a digest that is blocked now: {Text(block.reason)}."
    recorded_due = state.desired.recorded_due if isinstance(state.desired, NoProposal) else None
    return DesiredState(NoProposal(reason, recorded_due), is_fully_resolved=True)


def _find_proposed_block(
    requests: Iterable[RemoteRequest], blocklist: Blocklist, resolutions: Mapping[TagRef, Resolution]
) -> Block | None:
    """Return the block of a digest in an open pull request; None if none of its digests is known to be blocked."""
    open_requests = (each for each in requests if each.state is RequestState.OPEN)
    targets = [target for each in open_requests for target in each.mark.targets]
    blocks = (
        _find_target_block(target, blocklist, resolutions) for target in (targets if blocklist.has_entries else ())
    )
    return next((block for block in blocks if block is not None), None)


def _find_target_block(target: str, blocklist: Blocklist, resolutions: Mapping[TagRef, Resolution]) -> Block | None:
    name, _, word = target.rpartition("@")
    repository, _, tag = name.rpartition(":")
    digest, resolution = parse_sha256(word), resolutions.get(TagRef(repository, tag))
    if digest is None:
        return None
    known = resolution.blocks.get(digest) if isinstance(resolution, ResolvedTag) else None
    return known or find_listed_digest(blocklist, repository, digest)


def list_proposed_tags(requests: Iterable[RemoteRequest]) -> frozenset[str]:
    """Return the tags for which the pull requests propose digests, each as `repository:tag`."""
    return frozenset(target.rpartition("@")[0] for each in requests for target in each.mark.targets)


def is_fully_resolved_branch(
    planned_proposal: PlannedProposal | None,
    decisions: Sequence[Decision],
    requests: Sequence[RemoteRequest],
    extract_result: ExtractResult,
) -> bool:
    """Return True if this run could read all data on which the proposal for a branch depends.

    If a registry, or a file that may use one of the images, could not be read, return False. If the result is False,
    the branch's pull request must not be closed, because the next run may find the update again.
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
    """Return the reason to leave the pull request of a branch unchanged if the branch is not fully resolved.

    Unread data is the first reason, because it could change all other reasons.
    """
    found = set(map(_find_undecided_reason, decisions))
    by_importance = (NoChangeReason.UNKNOWN, NoChangeReason.PAUSED, NoChangeReason.FAILING_ELSEWHERE)
    return next((each for each in by_importance if each in found), NoChangeReason.UNKNOWN)


def _find_undecided_reason(decision: Decision) -> NoChangeReason | None:
    """Return why a later run could decide differently about an unchanged image; None if it could not.

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
    are the tags in open pull requests, each as `repository:tag`.
    """
    tracked_image = get_tracked_image(decision)
    if tracked_image is None or not tracked_image.missing_tags_reason:
        return False
    tag_ref = tracked_image.tag_ref
    return any(each != str(tag_ref) and each.rpartition(":")[0] == tag_ref.repository for each in proposed_tags)
