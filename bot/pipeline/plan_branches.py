"""Plan the next step of each branch of a repository, from the desired proposals and the requests on the forge."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.core.proposal.lifecycle import next_step, omit_protected_files
from bot.core.proposal.markers import parse_marker
from bot.core.proposal.update_groups import UpdateGroup, build_onboarding_group, get_update_group
from bot.model.dashboard import UserRequest
from bot.model.decision import (
    Decision,
    HeldUpdate,
    ImageUpdate,
    RefusedUpdate,
    SkippedReference,
    UnresolvedReference,
    UpToDate,
    get_tracked_image,
)
from bot.model.proposal import NoChange, NoChangeReason, NoProposal, Proposal, ProposalStep, RemoteRequest
from bot.model.source import NotEditable
from bot.model.vocabulary import Reason
from bot.pipeline.extract import ExtractResult
from bot.pipeline.plan_proposals import PlannedProposal, ProposalPlan

BranchUserRequests = frozenset[tuple[UserRequest, str]]
"""The actions that users requested, each with the branch that it is for."""

_WAITING = frozenset({NoChangeReason.ACCEPTED, NoChangeReason.SLIDING})


@dataclass(frozen=True, slots=True)
class BranchPlan:
    """One branch: the desired proposal, the requests on the forge, and the next step."""

    branch: str
    desired: Proposal | NoProposal
    requests: tuple[RemoteRequest, ...]
    """The newest request comes first."""
    is_fully_resolved: bool
    """True if everything that the branch depends on was read in this run."""
    step: ProposalStep
    updates: tuple[ImageUpdate, ...] = ()
    """The updates in the desired proposal."""

    @property
    def waiting_request(self) -> RemoteRequest | None:
        """The open request that is left unchanged although a newer update is available."""
        step = self.step
        return step.request if isinstance(step, NoChange) and step.reason in _WAITING else None

    @property
    def muted_request(self) -> RemoteRequest | None:
        """The request that a user closed, so that newer updates are not proposed."""
        step = self.step
        return step.request if isinstance(step, NoChange) and step.reason is NoChangeReason.MUTED else None

    def expedite(self, now: datetime) -> BranchPlan:
        """Return the plan with the desired proposal marked urgent, so that it does not wait."""
        if not isinstance(self.desired, Proposal):
            return self
        urgent = replace(self.desired, is_urgent=True)
        return replace(
            self,
            desired=urgent,
            step=next_step(urgent, self.requests, is_fully_resolved=self.is_fully_resolved, now=now) or self.step,
        )


def plan_branches(
    requests: Iterable[RemoteRequest],
    extract_result: ExtractResult,
    proposal_plan: ProposalPlan,
    user_requests: BranchUserRequests,
    branch_prefix: str,
    now: datetime,
) -> tuple[BranchPlan, ...]:
    """Return the plans of all branches with something to do or report, sorted by name."""
    planned_by_branch = {
        each.proposal.branch: _add_user_requests(each, user_requests) for each in proposal_plan.proposals
    }
    requests_by_branch: dict[str, list[RemoteRequest]] = defaultdict(list)
    for each in requests:
        requests_by_branch[each.branch].append(each)
    decisions_by_branch = _group_by_branch(
        proposal_plan.decisions, extract_result.repository.non_default_base, branch_prefix
    )
    branch_plans: list[BranchPlan] = []
    for branch in sorted(planned_by_branch.keys() | requests_by_branch.keys()):
        decisions = decisions_by_branch.get(branch) or _find_decisions(
            _list_proposed_tags(requests_by_branch[branch]), proposal_plan.decisions
        )
        branch_plans += _plan_branch(
            branch, planned_by_branch.get(branch), decisions, tuple(requests_by_branch[branch]), extract_result, now
        )
    return tuple(branch_plans)


def _add_user_requests(planned_proposal: PlannedProposal, user_requests: BranchUserRequests) -> PlannedProposal:
    """Return the planned proposal with the actions that users requested for its branch."""
    branch_requests = frozenset(
        user_request for user_request, branch in user_requests if branch == planned_proposal.proposal.branch
    )
    return (
        replace(planned_proposal, proposal=replace(planned_proposal.proposal, user_requests=branch_requests))
        if branch_requests
        else planned_proposal
    )


def _plan_branch(
    branch: str,
    planned_proposal: PlannedProposal | None,
    decisions: Sequence[Decision],
    requests: tuple[RemoteRequest, ...],
    extract_result: ExtractResult,
    now: datetime,
) -> Iterator[BranchPlan]:
    """Yield the plan of a branch if there is something to do or report."""
    desired = (
        omit_protected_files(planned_proposal.proposal, requests)
        if planned_proposal is not None
        else NoProposal(_explain_no_proposal(decisions))
    )
    is_fully_resolved = _is_fully_resolved(planned_proposal, decisions, requests, extract_result)
    step = next_step(desired, requests, is_fully_resolved=is_fully_resolved, now=now)
    if step is not None:
        yield BranchPlan(
            branch,
            desired,
            requests,
            is_fully_resolved,
            step,
            planned_proposal.updates if planned_proposal is not None else (),
        )


def _group_by_branch(
    decisions: Sequence[Decision], non_default_base: str | None, branch_prefix: str
) -> Mapping[str, Sequence[Decision]]:
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


def _list_proposed_tags(requests: Iterable[RemoteRequest]) -> frozenset[str]:
    """Return the tags that requests propose, as `repository:tag`."""
    return frozenset(target.rpartition("@")[0] for each in requests for target in parse_marker(each.body).targets)


def _find_decisions(tag_refs: Collection[str], decisions: Sequence[Decision]) -> Sequence[Decision]:
    """Return the decisions about some tags, for a branch that no proposal is planned for any more."""
    pairs = ((decision, get_tracked_image(decision)) for decision in decisions)
    return [decision for decision, selected in pairs if selected is not None and str(selected.tag_ref) in tag_refs]


def _is_fully_resolved(
    planned_proposal: PlannedProposal | None,
    decisions: Sequence[Decision],
    requests: Sequence[RemoteRequest],
    extract_result: ExtractResult,
) -> bool:
    """Return True if everything that the branch depends on was read: its registry, and every file that may use it."""
    if any(map(_is_undecided, decisions)):
        return False
    if planned_proposal is not None:
        return not extract_result.failures
    proposed_tags = _list_proposed_tags(requests)
    if any(_is_retag_unverified(decision, proposed_tags) for decision in decisions):
        return False
    repositories = {decision.occurrence.reference.repository for decision in decisions}
    repositories |= {tag_ref.rpartition(":")[0] for tag_ref in proposed_tags}
    return not any(extract_result.may_hide_image(repository) for repository in repositories or {""})


def _is_undecided(decision: Decision) -> bool:
    """Return True if a decision could not be made, because a lookup failed or was not allowed."""
    match decision:
        case UnresolvedReference() | RefusedUpdate(reason=Reason.NOT_SCANNED) | SkippedReference(reason=Reason.PAUSED):
            return True
        case SkippedReference(reason=reason):
            digest_slot = decision.occurrence.digest_slot
            return isinstance(digest_slot, NotEditable) and digest_slot.reason is reason and not digest_slot.is_certain
        case _:
            return False


def _is_retag_unverified(decision: Decision, proposed_tags: Collection[str]) -> bool:
    """Return True if requests propose another tag for a reference, and tags could not be listed to confirm it.

    `proposed_tags` are in the form `repository:tag`.
    """
    tracked_image = get_tracked_image(decision)
    if tracked_image is None or not tracked_image.missing_tags_reason:
        return False
    tag_ref = tracked_image.tag_ref
    return any(each != str(tag_ref) and each.rpartition(":")[0] == tag_ref.repository for each in proposed_tags)


def _explain_no_proposal(decisions: Sequence[Decision]) -> str:
    """Return a sentence that says why no update is proposed for these image references."""
    if any(isinstance(decision, ImageUpdate) for decision in decisions):
        return "It is part of another proposal now."
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
