"""The lifecycle of a proposal as a pure function, from the desired proposal and the requests on the forge to a step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from bot.core.proposal.boxes import ticked
from bot.core.proposal.fingerprint import is_outdated
from bot.core.proposal.mark import read_mark
from bot.core.proposal.missing import is_accepted, lost, missing, still_merges
from bot.model.dashboard import UserRequest
from bot.model.extras import NO_ATTRIBUTES
from bot.model.modes import OnClose, Rebase
from bot.model.proposal import (
    CloseRequest,
    DeleteBranch,
    NoChange,
    NoChangeReason,
    NoProposal,
    OpenRequest,
    Proposal,
    ProposalStep,
    RemoteRequest,
    RequestState,
    Target,
    UpdateRequest,
)


def as_it_stands(wanted: Proposal, seen: Iterable[RemoteRequest]) -> Proposal:
    """Return `desired` without protected files if its branch was created without them.

    If a user requests a rebuild of the branch, these files are tried again.
    """
    standing = [each for each in seen if each.state in (RequestState.OPEN, RequestState.BRANCH)]
    lesser = wanted.without_protected
    if lesser is None or not any(each.intent == lesser.intent for each in standing):
        return wanted
    is_asked_for = any(UserRequest.REBASE in _asks(wanted, each) for each in standing)
    return wanted if is_asked_for else replace(lesser, user_requests=wanted.user_requests)


def next_step(
    wanted: Proposal | NoProposal, seen: Sequence[RemoteRequest], *, known: bool, now: datetime
) -> ProposalStep | None:
    """Return the next step for one branch, or None if there is nothing to do or report.

    `requests` are the branch and its requests on the forge, newest request first. `is_fully_resolved` says whether all
    data that the branch depends on was read in this run; if not, the branch and its request are never removed.
    """
    request = next((each for each in seen if each.state is RequestState.OPEN), None)
    if request is not None:
        return _of_open(wanted, request, known=known, now=now)
    branch = next((each for each in seen if each.state is RequestState.BRANCH), None)
    if branch is not None and branch.intent is None:
        return NoChange(branch.branch, NoChangeReason.TAKEN, branch)
    if isinstance(wanted, NoProposal):
        if branch is None:
            return None
        return DeleteBranch(branch) if known else NoChange(branch.branch, NoChangeReason.UNKNOWN, branch)
    ended = [each for each in seen if each.state is RequestState.CLOSED]
    if seen and seen[0] in ended:  # labels on older requests were answered by later requests
        wanted = replace(wanted, user_requests=wanted.user_requests | seen[0].user_requests)
    if UserRequest.AGAIN not in wanted.user_requests and (refusal := _refusal(wanted, ended)) is not None:
        return refusal
    withdrawn = ended[0] if ended and read_mark(ended[0].body).withdrawn else None
    was_merged = any(each.state is RequestState.MERGED for each in seen)
    is_ready = branch is not None and branch.intent == wanted.intent and not branch.has_conflicts and not was_merged
    return OpenRequest(wanted, must_push=not is_ready, existing_branch=branch, withdrawn_request=withdrawn)


def _refusal(wanted: Proposal, ended: Sequence[RemoteRequest]) -> NoChange | None:
    """Return why a user's earlier refusal prevents the proposal; None if there is no such refusal."""
    declined = next((each for each in ended if _declines(each, wanted)), None)
    if declined is not None:
        return NoChange(wanted.branch, NoChangeReason.DECLINED, declined)
    if wanted.is_onboarding and (closed := next(filter(_is_persons, ended), None)):
        return NoChange(wanted.branch, NoChangeReason.OPTED_OUT, closed)
    muting = next((each for each in ended if _mutes(each, wanted)), None)
    if muting is not None and not wanted.is_urgent:
        return NoChange(wanted.branch, NoChangeReason.MUTED, muting)
    return None


def _of_open(wanted: Proposal | NoProposal, request: RemoteRequest, *, known: bool, now: datetime) -> ProposalStep:
    is_asked_for = isinstance(wanted, Proposal) and UserRequest.REBASE in _asks(wanted, request)
    if request.intent is None and not is_asked_for:
        return NoChange(request.branch, NoChangeReason.EDITED, request, must_comment=not request.has_commented)
    if not known:
        kept = lost(request, wanted) if isinstance(wanted, Proposal) else NO_ATTRIBUTES
        return NoChange(request.branch, NoChangeReason.UNKNOWN, request, attributes=kept)
    if isinstance(wanted, NoProposal):
        return CloseRequest(request, wanted.reason)
    push = request.intent != wanted.intent or is_asked_for or _is_to_be_rebuilt(request, wanted)
    if push and not is_asked_for and (wait := _why_wait(request, wanted, now)) is not None:
        return NoChange(wanted.branch, wait, request, attributes=lost(request, wanted))
    amend = _is_to_be_amended(request, wanted)
    extras = missing(request, wanted, now, changes=push or amend)
    if push or amend or extras != NO_ATTRIBUTES:
        return UpdateRequest(request, wanted, must_push=push, must_update_text=amend, attributes=extras)
    return NoChange(wanted.branch, NoChangeReason.UNCHANGED, request)


def _asks(wanted: Proposal, request: RemoteRequest) -> frozenset[UserRequest]:
    """Return the actions that users request in the dashboard, by labels, or in the body."""
    return wanted.user_requests | request.user_requests | {ask for ask, _ in ticked(request.body)}


def _is_to_be_rebuilt(request: RemoteRequest, wanted: Proposal) -> bool:
    """Return True if a change of the base branch requires another commit."""
    match wanted.rebase:
        case Rebase.AUTO:
            return request.has_conflicts or (request.is_behind and request.must_be_current)
        case Rebase.ALWAYS:
            return request.has_conflicts or request.is_behind
        case Rebase.NEVER:
            return False
    assert_never(wanted.rebase)


def _is_to_be_amended(request: RemoteRequest, wanted: Proposal) -> bool:
    remembered = read_mark(request.body)
    is_answered = ticked(request.body) or request.user_requests
    merges = bool(wanted.attributes.automerge) or still_merges(request, wanted)
    changes = is_answered or remembered.automerge is not merges
    is_untrue = remembered.withdrawn or set(remembered.targets) != set(wanted.targets)
    if is_untrue or remembered.report is None or changes:
        return True
    return is_outdated(remembered.report, wanted.report_fingerprint)


def _why_wait(request: RemoteRequest, wanted: Proposal, now: datetime) -> NoChangeReason | None:
    """Return why an open request is not updated yet, because an update costs its approval or a CI run; None to update.

    A request with conflicts is useless, even if it is accepted, so it does not wait.
    """
    if request.has_conflicts and wanted.rebase is not Rebase.NEVER:
        return None
    if wanted.is_urgent or (request.committed_at is not None and now - request.committed_at >= wanted.refresh_every):
        return None
    if is_accepted(request):
        return NoChangeReason.ACCEPTED
    if _is_to_be_rebuilt(request, wanted):
        return None
    slid = wanted.is_only_aged and _lines(read_mark(request.body).targets) == _lines(wanted.targets)
    return NoChangeReason.SLIDING if slid else None


def _lines(targets: Iterable[Target]) -> set[str]:
    return {target.rpartition("@")[0] for target in targets}


def may_be_declined(ended: RequestState, body: str) -> bool:
    """Return True if a user may have closed a request, so that the forge has to be asked who closed it."""
    return ended is RequestState.CLOSED and not read_mark(body).withdrawn


def _is_persons(ended: RemoteRequest) -> bool:
    """Return True if a user closed a request; False if basebump withdrew it, or its branch was deleted."""
    return not read_mark(ended.body).withdrawn and not ended.is_closed_by_branch_deletion


def _mutes(ended: RemoteRequest, wanted: Proposal) -> bool:
    """Return True if a user closed a request for the same tags, and the policy applies this to all later digests."""
    closed = _is_persons(ended) and wanted.on_close is OnClose.LINE
    return closed and _lines(wanted.targets) <= _lines(read_mark(ended.body).targets)


def _declines(ended: RemoteRequest, wanted: Proposal) -> bool:
    """Return True if a user closed a request with exactly these targets."""
    declined = set(read_mark(ended.body).targets)
    return _is_persons(ended) and bool(declined) and declined == set(wanted.targets)
