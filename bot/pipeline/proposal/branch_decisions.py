"""The decisions on image references, by the branch or the tag to which they belong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from bot.core.proposal.update_groups import UpdateGroup, build_onboarding_group, get_update_group
from bot.model.decision import (
    BlockedReference,
    Decision,
    HeldUpdate,
    ImageUpdate,
    RefusedUpdate,
    SkippedReference,
    UpToDate,
    get_tracked_image,
)


def group_by_branch(
    decisions: Sequence[Decision], non_default_base: str | None, branch_prefix: str
) -> Mapping[str, Sequence[Decision]]:
    """Return the decisions on the images of each branch that basebump may create, by the name of the branch."""
    decisions_by_group: dict[UpdateGroup, list[Decision]] = defaultdict(list)
    for decision in decisions:
        tracked_image = get_tracked_image(decision)
        if tracked_image is not None:
            decisions_by_group[get_update_group(tracked_image, non_default_base)].append(decision)
    all_decisions = [decision for group_decisions in decisions_by_group.values() for decision in group_decisions]
    by_branch = {
        update_group.get_branch(branch_prefix): decided for update_group, decided in decisions_by_group.items()
    }
    return by_branch | {build_onboarding_group(non_default_base).get_branch(branch_prefix): all_decisions}


def group_by_tag(decisions: Iterable[Decision]) -> Mapping[str, Sequence[Decision]]:
    """Return the decisions on each tag. The keys are written as `repository:tag`."""
    decisions_by_tag: dict[str, list[Decision]] = defaultdict(list)
    for decision in decisions:
        tracked_image = get_tracked_image(decision)
        if tracked_image is not None:
            decisions_by_tag[str(tracked_image.tag_ref)].append(decision)
    return decisions_by_tag


def explain_no_proposal(decisions: Sequence[Decision]) -> str:
    """Return a sentence that says why a branch has no proposal. `decisions` are about the images of the branch."""
    if any(isinstance(decision, ImageUpdate) for decision in decisions):
        return "It is part of another proposal now."
    if any(isinstance(decision, BlockedReference) for decision in decisions):
        return "No replacement for the blocked digest is known now."
    reasons = [
        decision.reason.sentence
        for decision in decisions
        if isinstance(decision, SkippedReference | RefusedUpdate | HeldUpdate)
    ]
    if reasons:
        return reasons[0]
    if any(isinstance(decision, UpToDate) for decision in decisions):
        return "The base branch already has what the tag points to."
    return "No file uses this image any more."
