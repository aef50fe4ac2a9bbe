"""The lifecycle of a proposal: a pure function decides whether to open, update, close or leave its pull request.

The function compares the desired proposal of this run with the branch and the pull requests that exist on the forge.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from bot.core.proposal.fingerprint import is_outdated
from bot.core.proposal.missing_attributes import (
    find_missing_attributes,
    find_missing_on_last_commit,
    is_accepted,
    is_automerge_kept,
    is_unapproved,
)
from bot.core.proposal.requested_actions import parse_checkboxes
from bot.model.dashboard import RequestedAction
from bot.model.modes import OnClose, Rebase
from bot.model.proposal import (
    ClosedBy,
    CloseStep,
    DeleteBranch,
    NoChange,
    NoChangeReason,
    NoProposal,
    OpenStep,
    Proposal,
    ProposalStep,
    RemoteRequest,
    RequestState,
    Target,
    UpdateStep,
)
from bot.model.request_attributes import NO_ATTRIBUTES, RequestAttributes


def omit_protected_files(desired: Proposal, requests: Iterable[RemoteRequest]) -> Proposal:
    """Return `desired` without files that basebump is not allowed to change, if the branch lacks them already.

    For example, GitHub refuses changes to workflow files if the token lacks a permission. basebump then creates the
    branch without these files. In later runs, this function prevents basebump from trying to add these files again and
    again. If a user requests a rebuild of the branch, `desired` is returned unchanged, so that basebump tries to change
    all files.
    """
    current_requests = [each for each in requests if each.state in (RequestState.OPEN, RequestState.BRANCH)]
    reduced = desired.without_protected
    if reduced is None or not any(each.intent == reduced.intent for each in current_requests):
        return desired
    is_rebuild_requested = any(
        RequestedAction.REBASE in _collect_requested_actions(desired, each) for each in current_requests
    )
    return desired if is_rebuild_requested else replace(reduced, requested_actions=desired.requested_actions)


def next_step(
    desired: Proposal | NoProposal, requests: Sequence[RemoteRequest], *, is_fully_resolved: bool, now: datetime
) -> ProposalStep | None:
    """Return the next step for one of basebump's branches, such as opening or updating its pull request.

    If there is nothing to propose, and neither the branch nor an open pull request exists, return None.

    Args:
        desired: The proposal of this run for the branch, or a `NoProposal` if there is nothing to propose.
        requests: All pull requests of the branch on the forge, newest first. If the branch exists but has no open pull
            request, the list also contains an entry for the branch itself, with the state `RequestState.BRANCH`.
        is_fully_resolved: False if data for the proposal could not be read in this run, for example because a registry
            did not respond. If False, the branch and the text of an open pull request stay unchanged, and nothing is
            closed or deleted.
        now: The current time.
    """
    open_requests = [each for each in requests if each.state is RequestState.OPEN]
    open_request = next((each for each in open_requests if each.head is not None), None)
    if open_request is not None:
        return _plan_open_request(desired, open_request, is_fully_resolved=is_fully_resolved, now=now)
    branch = next((each for each in requests if each.state is RequestState.BRANCH), None)
    if branch is not None and branch.intent is None:
        return NoChange(branch.branch, NoChangeReason.TAKEN, branch)
    if isinstance(desired, NoProposal):
        if branch is None:
            return _withdraw_without_branch(open_requests, desired, is_fully_resolved=is_fully_resolved)
        return DeleteBranch(branch) if is_fully_resolved else NoChange(branch.branch, NoChangeReason.UNKNOWN, branch)
    closed_requests = [each for each in requests if each.state is RequestState.CLOSED]
    if requests and requests[0] in closed_requests:  # labels on older requests were handled by later requests
        desired = replace(desired, requested_actions=desired.requested_actions | requests[0].requested_actions)
    if (
        RequestedAction.AGAIN not in desired.requested_actions
        and (refusal := _find_refusal(desired, closed_requests)) is not None
    ):
        return refusal
    withdrawn_request = (
        closed_requests[0] if closed_requests and closed_requests[0].closed_by is ClosedBy.BASEBUMP else None
    )
    was_merged = any(each.state is RequestState.MERGED for each in requests)
    is_ready = branch is not None and branch.intent == desired.intent and not branch.has_conflicts and not was_merged
    return OpenStep(desired, must_push=not is_ready, existing_branch=branch, withdrawn_request=withdrawn_request)


def _withdraw_without_branch(
    open_requests: Sequence[RemoteRequest], desired: NoProposal, *, is_fully_resolved: bool
) -> CloseStep | None:
    """Return the step that closes an open pull request whose branch was deleted, as some forges leave it open.

    If the proposal is desired again, the pull request becomes part of it when its branch is created again.
    """
    return CloseStep(open_requests[0], desired.reason) if open_requests and is_fully_resolved else None


def _find_refusal(desired: Proposal, closed_requests: Sequence[RemoteRequest]) -> NoChange | None:
    """Return a `NoChange` step with the reason if a user declined this proposal by closing a pull request.

    Return None if no user declined it.
    """
    declined_request = next((each for each in closed_requests if _is_declining(each, desired)), None)
    if declined_request is not None:
        return NoChange(desired.branch, NoChangeReason.DECLINED, declined_request)
    if desired.is_onboarding and (closed_request := next(filter(_is_declined, closed_requests), None)):
        return NoChange(desired.branch, NoChangeReason.OPTED_OUT, closed_request)
    muting_request = next((each for each in closed_requests if _is_muting(each, desired)), None)
    if muting_request is not None and not desired.is_urgent:
        return NoChange(desired.branch, NoChangeReason.MUTED, muting_request)
    return None


def _plan_open_request(
    desired: Proposal | NoProposal, request: RemoteRequest, *, is_fully_resolved: bool, now: datetime
) -> ProposalStep:
    is_rebuild_requested = isinstance(desired, Proposal) and has_rebuild_request(desired, request)
    if request.intent is None and not is_rebuild_requested:
        return _leave_foreign_branch(request)
    if not is_fully_resolved:
        attributes_to_restore = (
            find_missing_on_last_commit(request, desired, now, is_fully_resolved=False)
            if isinstance(desired, Proposal)
            else _disable_unapproved_automerge(request)
        )
        return NoChange(request.branch, NoChangeReason.UNKNOWN, request, attributes=attributes_to_restore)
    if isinstance(desired, NoProposal):
        return CloseStep(request, desired.reason)
    must_push = request.intent != desired.intent or is_rebuild_requested or _should_rebuild(request, desired)
    if must_push and not is_rebuild_requested and (wait_reason := _find_wait_reason(request, desired, now)) is not None:
        return NoChange(
            desired.branch,
            wait_reason,
            request,
            attributes=find_missing_on_last_commit(request, desired, now, is_fully_resolved=True),
        )
    must_update_text = _should_update_text(request, desired)
    attributes = find_missing_attributes(request, desired, now, is_changing=must_push or must_update_text)
    if must_push or must_update_text or attributes != NO_ATTRIBUTES:
        return UpdateStep(
            request, desired, must_push=must_push, must_update_text=must_update_text, attributes=attributes
        )
    return NoChange(desired.branch, NoChangeReason.UNCHANGED, request)


def _leave_foreign_branch(request: RemoteRequest) -> NoChange:
    """Return the step for an open pull request whose branch contains other changes than basebump's edits.

    If basebump's account enabled automerge, it is disabled, because the other changes were not checked. The mark is not
    used here, because the user who changed the branch may also have changed the mark.
    """
    attributes = replace(NO_ATTRIBUTES, automerge=False) if request.has_automerge else NO_ATTRIBUTES
    must_comment = not request.has_commented
    return NoChange(request.branch, NoChangeReason.EDITED, request, must_comment=must_comment, attributes=attributes)


def _disable_unapproved_automerge(request: RemoteRequest) -> RequestAttributes:
    """Return the attributes for a pull request about which this run could not decide."""
    return RequestAttributes(automerge=False if is_unapproved(request, is_fully_resolved=False) else None)


def has_rebuild_request(desired: Proposal, request: RemoteRequest) -> bool:
    """Return True if a user requests that the branch of an open pull request is created again.

    If the branch contains commits of users, only a checkbox in the text of a pull request that basebump opened counts.
    Whoever can edit this text can also push to the branch. Users without this right can set labels, open pull requests
    and edit their texts, and, on some forges, edit the dashboard.
    """
    if request.intent is None:
        return request.is_own and any(ask is RequestedAction.REBASE for ask, _ in parse_checkboxes(request.body))
    return RequestedAction.REBASE in _collect_requested_actions(desired, request)


def _collect_requested_actions(desired: Proposal, request: RemoteRequest) -> frozenset[RequestedAction]:
    """Return all actions that users request for this proposal.

    Users request actions in the dashboard, by labels on the pull request, or with checkboxes in the text of the pull
    request.
    """
    return desired.requested_actions | request.requested_actions | {ask for ask, _ in parse_checkboxes(request.body)}


def _should_rebuild(request: RemoteRequest, desired: Proposal) -> bool:
    """Return True if the branch must be created again on top of the current base branch.

    The setting `rebase` determines when:

    - `auto`: if the pull request has conflicts, or if the base branch has new commits and the forge merges only
      branches that contain them
    - `always`: if the pull request has conflicts, or if the base branch has new commits
    - `never`: not at all
    """
    match desired.rebase:
        case Rebase.AUTO:
            return request.has_conflicts or (request.is_behind and request.must_be_current)
        case Rebase.ALWAYS:
            return request.has_conflicts or request.is_behind
        case Rebase.NEVER:
            return False
    assert_never(desired.rebase)


def _should_update_text(request: RemoteRequest, desired: Proposal) -> bool:
    mark = request.mark
    has_requested_actions = parse_checkboxes(request.body) or request.requested_actions
    has_automerge = bool(desired.attributes.automerge) or is_automerge_kept(request, desired)
    changes = has_requested_actions or mark.has_automerge is not has_automerge
    is_wrong = mark.is_withdrawn or set(mark.targets) != set(desired.targets)
    if is_wrong or mark.report is None or changes:
        return True
    return is_outdated(mark.report, desired.report_fingerprint)


def _find_wait_reason(request: RemoteRequest, desired: Proposal, now: datetime) -> NoChangeReason | None:
    """Return why the branch of an open pull request is not updated yet; None if it is updated now.

    The setting `refresh_every` is the minimum age of the branch's last commit. While the commit is younger, an update
    of the branch waits in these cases:

    - A user approved the pull request. An update would discard the approval.
    - The tags stay the same, and only newer digests are proposed because they have reached the minimum age of the
      policy. An update would start another CI run. This is no reason to wait if the branch must be rebuilt anyway.

    Urgent updates do not wait. If the branch contains digests that the mark of the pull request does not name, it does
    not wait, because the text of the pull request does not describe what would be merged. A branch with conflicts does
    not wait either, because it cannot be merged, unless the setting is `rebase: never`.
    """
    if not request.is_as_marked or (request.has_conflicts and desired.rebase is not Rebase.NEVER):
        return None
    if desired.is_urgent or (request.committed_at is not None and now - request.committed_at >= desired.refresh_every):
        return None
    if is_accepted(request):
        return NoChangeReason.ACCEPTED
    if _should_rebuild(request, desired):
        return None
    is_only_aged = desired.is_only_aged and _get_tags(request.mark.targets) == _get_tags(desired.targets)
    return NoChangeReason.SLIDING if is_only_aged else None


def _get_tags(targets: Iterable[Target]) -> set[str]:
    return {target.rpartition("@")[0] for target in targets}


def _is_declined(closed_request: RemoteRequest) -> bool:
    return closed_request.closed_by is ClosedBy.PERSON


def _is_muting(closed_request: RemoteRequest, desired: Proposal) -> bool:
    """Return True if the closed pull request declines all later digests of the tags in `desired`.

    This is the case if a user closed the pull request, the pull request proposed updates of the same tags, and the
    policy sets `on_close: line`.
    """
    is_muting_close = _is_declined(closed_request) and desired.on_close is OnClose.LINE
    return is_muting_close and _get_tags(desired.targets) <= _get_tags(closed_request.mark.targets)


def _is_declining(closed_request: RemoteRequest, desired: Proposal) -> bool:
    """Return True if a user closed a pull request that proposed exactly the same tags and digests as `desired`."""
    declined_targets = set(closed_request.mark.targets)
    return _is_declined(closed_request) and bool(declined_targets) and declined_targets == set(desired.targets)
