"""Convert the steps of a repository to values of a plan, and the values back to steps.

A plan describes pull requests by their positions in the list of pull requests. When the plan is applied, the list is
read again and compared. The steps therefore use the pull requests of the forge, and never a copy in a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import assert_never

from bot.core.inventory.value_hashes import hash_values
from bot.core.references.edit import list_edits
from bot.model.dashboard import DashboardIssue
from bot.model.decision import ImageUpdate
from bot.model.fleet_plan import (
    JudgedRequest,
    PlannedBranch,
    PlannedEdit,
    PlannedFile,
    PlannedReference,
    ProposalContent,
    StepKind,
)
from bot.model.proposal import (
    CloseStep,
    DeferProposal,
    DeferralReason,
    DeleteBranch,
    NoChange,
    NoChangeReason,
    NoProposal,
    OpenStep,
    Proposal,
    ProposalStep,
    RemoteRequest,
    UpdateStep,
)
from bot.model.request_attributes import NO_ATTRIBUTES
from bot.model.source import FileChange, FilePath
from bot.model.vocabulary import RunLevel
from bot.pipeline.proposal.repository_plan import BranchPlan

FileContents = Mapping[FilePath, bytes]
"""The new contents of files by path."""


class InconsistentPlanError(Exception):
    """Raised if a planned step lacks a required part. No run plans such a step, so the plan was changed by hand."""


def is_writing(step: ProposalStep, level: RunLevel) -> bool:
    """Return True if executing the step at this level writes to the forge."""
    match step:
        case OpenStep(must_push=must_push):
            return level >= (RunLevel.PUSH if must_push else RunLevel.PROPOSE)
        case DeleteBranch():
            return level >= RunLevel.PUSH
        case UpdateStep() | CloseStep():
            return level >= RunLevel.PROPOSE
        case NoChange(must_comment=must_comment, attributes=attributes):
            return level >= RunLevel.PROPOSE and (must_comment or attributes != NO_ATTRIBUTES)
        case DeferProposal():
            return False
    assert_never(step)


def describe_request(request: RemoteRequest, judged_heads: Collection[str]) -> JudgedRequest:
    """Return the description of a pull request in a plan.

    `judged_heads` are the last commits of branches that were judged.

    The description leaves out facts that a server computes with a delay, such as conflicts, and the history of labels,
    which other bots change at any time. If these facts change, the planned step is still right.
    """
    return JudgedRequest(
        branch=request.branch,
        state=request.state,
        fingerprint=hash_values(
            (
                request.title,
                request.body,
                request.has_commented,
                request.is_accepted,
                request.has_automerge,
                request.requested_actions,
                request.is_closed_by_branch_deletion,
                request.is_own,
                request.own_commit,
            )
        ),
        number=request.number,
        head=request.head,
        intent=request.intent,
        is_confirmed=request.is_confirmed,
        is_as_marked=request.is_as_marked,
        is_judged=request.head in judged_heads,
    )


def hash_dashboard(issue: DashboardIssue | None) -> str | None:
    """Return a hash of a dashboard issue; None if there is no issue."""
    return hash_values((issue.title, issue.body, issue.is_open, issue.number)) if issue is not None else None


def describe_branch(branch_plan: BranchPlan, requests: Sequence[RemoteRequest]) -> PlannedBranch:
    """Return the description of a branch's step in a plan.

    `requests` are all of basebump's pull requests in the repository.
    """

    def locate(request: RemoteRequest | None) -> int | None:
        return requests.index(request) if request is not None else None

    desired = branch_plan.desired
    described = PlannedBranch(
        branch=branch_plan.branch,
        step=StepKind.LEAVE,
        proposal=_describe_proposal(desired, branch_plan.updates) if isinstance(desired, Proposal) else None,
        no_proposal_reason=desired.reason if isinstance(desired, NoProposal) else "",
        recorded_due=desired.recorded_due if isinstance(desired, NoProposal) else None,
    )
    match branch_plan.step:
        case OpenStep(must_push=must_push, existing_branch=existing, withdrawn_request=withdrawn):
            request, withdrawn_request = locate(existing), locate(withdrawn)
            return replace(
                described,
                step=StepKind.OPEN,
                request=request,
                withdrawn_request=withdrawn_request,
                must_push=must_push,
            )
        case UpdateStep() as step:
            return replace(
                described,
                step=StepKind.UPDATE,
                request=locate(step.request),
                must_push=step.must_push,
                must_update_text=step.must_update_text,
                attributes=step.attributes,
            )
        case CloseStep(request=request, reason=reason):
            return replace(described, step=StepKind.CLOSE, request=locate(request), reason=reason)
        case DeleteBranch(request=request):
            return replace(described, step=StepKind.DELETE_BRANCH, request=locate(request))
        case NoChange() as step:
            return replace(
                described,
                reason=step.reason.value,
                request=locate(step.request),
                must_comment=step.must_comment,
                attributes=step.attributes,
            )
        case DeferProposal(reason=reason):
            return replace(described, step=StepKind.DEFER, reason=reason.value)
    assert_never(branch_plan.step)


def build_branch_plan(
    planned: PlannedBranch, requests: Sequence[RemoteRequest], contents: FileContents, reduced_contents: FileContents
) -> BranchPlan:
    """Return the branch plan that a plan describes.

    Args:
        planned: The description.
        requests: All of basebump's pull requests in the repository, in the order of the plan.
        contents: The verified contents of the proposal's files; empty if the step pushes no branch.
        reduced_contents: The verified contents of the same proposal without protected files.

    Raises:
        InconsistentPlanError: If a part of the description is missing.
    """
    desired: Proposal | NoProposal = NoProposal(planned.no_proposal_reason, planned.recorded_due)
    if planned.proposal is not None:
        desired = _build_proposal(planned.branch, planned.proposal, contents, reduced_contents)
    step = _build_step(planned, desired, requests)
    for position in (planned.request, planned.withdrawn_request):
        request = _find_request(position, requests)
        if request is not None and request.branch != planned.branch:
            raise InconsistentPlanError
    return BranchPlan(planned.branch, desired, (), is_fully_resolved=True, step=step)


def _build_step(
    planned: PlannedBranch, desired: Proposal | NoProposal, requests: Sequence[RemoteRequest]
) -> ProposalStep:
    request = _find_request(planned.request, requests)
    match planned.step, desired, request:
        case StepKind.OPEN, Proposal(), _:
            withdrawn = _find_request(planned.withdrawn_request, requests)
            return OpenStep(desired, planned.must_push, request, withdrawn)
        case StepKind.UPDATE, Proposal(), RemoteRequest():
            return UpdateStep(request, desired, planned.must_push, planned.must_update_text, planned.attributes)
        case StepKind.CLOSE, _, RemoteRequest():
            return CloseStep(request, planned.reason)
        case StepKind.DELETE_BRANCH, _, RemoteRequest():
            return DeleteBranch(request)
        case StepKind.LEAVE, _, _ if planned.reason in list(NoChangeReason):
            reason = NoChangeReason(planned.reason)
            return NoChange(planned.branch, reason, request, planned.must_comment, planned.attributes)
        case StepKind.DEFER, Proposal(), _ if planned.reason in list(DeferralReason):
            return DeferProposal(desired, DeferralReason(planned.reason))
        case _:
            raise InconsistentPlanError


def _find_request(position: int | None, requests: Sequence[RemoteRequest]) -> RemoteRequest | None:
    if position is None:
        return None
    if not 0 <= position < len(requests):
        raise InconsistentPlanError
    return requests[position]


def _describe_proposal(proposal: Proposal, updates: Sequence[ImageUpdate]) -> ProposalContent:
    reduced = proposal.without_protected
    return ProposalContent(
        title=proposal.title,
        body=proposal.body,
        commit_message=proposal.commit_message,
        files=tuple(_describe_file(each, updates) for each in proposal.changes),
        images=proposal.images,
        targets=proposal.targets,
        intent=proposal.intent,
        report_fingerprint=proposal.report_fingerprint,
        attributes=proposal.attributes,
        is_draft=proposal.is_draft,
        is_onboarding=proposal.is_onboarding,
        due=proposal.due,
        shown_due=proposal.shown_due,
        is_due_unknown=proposal.is_due_unknown,
        protected_files=proposal.protected_files,
        without_protected=_describe_proposal(reduced, updates) if reduced is not None else None,
    )


def _describe_file(change: FileChange, updates: Sequence[ImageUpdate]) -> PlannedFile:
    in_file = [each for each in updates if each.reference.path == change.path]
    edits = {edit for each in in_file for edit in list_edits(each.reference, each.candidates[0])}
    return PlannedFile(
        path=change.path,
        sha256=hashlib.sha256(change.content).hexdigest(),
        edits=tuple(
            PlannedEdit(each.span.start, each.old.decode("latin-1"), each.new.decode("latin-1"))
            for each in sorted(edits, key=lambda each: (each.span, each.new))
        ),
        references=tuple(
            PlannedReference(
                each.reference.format, each.reference.locator, each.candidates[0].digest, each.candidates[0].tag
            )
            for each in in_file
        ),
    )


def _build_proposal(
    branch: str, content: ProposalContent, contents: FileContents, reduced_contents: FileContents
) -> Proposal:
    reduced = content.without_protected
    return Proposal(
        branch=branch,
        title=content.title,
        body=content.body,
        commit_message=content.commit_message,
        changes=tuple(FileChange(each.path, contents.get(each.path, b"")) for each in content.files),
        images=content.images,
        targets=content.targets,
        intent=content.intent,
        report_fingerprint=content.report_fingerprint,
        attributes=content.attributes,
        is_draft=content.is_draft,
        is_onboarding=content.is_onboarding,
        due=content.due,
        shown_due=content.shown_due,
        is_due_unknown=content.is_due_unknown,
        protected_files=content.protected_files,
        without_protected=_build_proposal(branch, reduced, reduced_contents, {}) if reduced is not None else None,
    )
