"""Attributes that an open pull request lacks, such as labels or the commit status, and automerge to disable."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.proposal.fingerprint import has_less_evidence
from bot.core.proposal.marks import shorten_commit
from bot.model.proposal import Proposal, RemoteRequest
from bot.model.request_attributes import NO_ATTRIBUTES, OVERDUE_LABEL, RequestAttributes

RETRY_PERIOD = timedelta(days=2)
"""The time for which missing attributes are set again after a pull request was opened, or after basebump's last commit.
If a run was interrupted, a later run within this time sets the rest. Afterwards, attributes that the forge refuses are
given up.
"""


def find_missing_attributes(
    request: RemoteRequest, desired: Proposal, now: datetime, *, is_changing: bool
) -> RequestAttributes:
    """Return the attributes that this run must set on an open pull request.

    - Labels, reviewers, assignees and similar attributes are set if the pull request is recent, or if this run changes
      the branch or the text (`is_changing`). Attributes that basebump set before are left out, because a user may have
      removed them on purpose.
    - The label of overdue pull requests is also set if the due date passed recently.
    - The commit status is set, and workflows are started, if the last commit of the branch lacks them.
    - If automerge must be disabled, the result has `automerge=False`.
    """
    attributes = NO_ATTRIBUTES
    is_recent = any(now - each < RETRY_PERIOD for each in (request.opened_at, request.committed_at) if each is not None)
    if request.ever_set is not None and (is_recent or is_changing):
        attributes = replace(desired.attributes, status=None).subtract(request.ever_set)
    attributes = _add_overdue_label(attributes, request, desired, now)
    if is_changing or _is_status_missing(request, desired):
        attributes = replace(attributes, status=desired.attributes.status)
    if is_changing or _is_workflow_start_missing(request):
        attributes = replace(attributes, workflows=desired.attributes.workflows)
    must_cancel_automerge = _should_cancel_automerge(request, desired) and (
        is_changing or not is_automerge_kept(request, desired)
    )
    return replace(attributes, automerge=False) if must_cancel_automerge else attributes


def is_automerge_kept(request: RemoteRequest, desired: Proposal) -> bool:
    """Return True if automerge stays enabled although this run lacks evidence that the policy requires for it.

    For example, an earlier run scanned the new image and enabled automerge, and in this run the scan failed. Automerge
    stays enabled, because the proposed changes are the same and nothing new is known about them.
    """
    mark = request.mark
    was_enabled = mark.has_automerge and request.intent == desired.intent and mark.report is not None
    return desired.is_merge_unknown and was_enabled and has_less_evidence(mark.report or "", desired.report_fingerprint)


def is_accepted(request: RemoteRequest) -> bool:
    """Return True if a user approved the pull request, queued it for merging, or enabled automerge.

    When basebump enables automerge, it records this in the text of the pull request. If automerge was enabled with
    basebump's own account but there is no such record, a user enabled it with this account.
    """
    return request.is_accepted or (request.has_automerge and not request.mark.has_automerge)


def _is_status_missing(request: RemoteRequest, desired: Proposal) -> bool:
    """Return True if basebump must still set the commit status on the last commit of the branch.

    The status is missing, for example, after a user merged the base branch into the branch, or after an interrupted
    run. If the evidence of this run differs from the evidence in the text of the pull request, return False, because
    the status must agree with the text. It is set when the text is replaced.
    """
    return not _has_status_attempt(request) and request.mark.report == desired.report_fingerprint


def find_missing_on_last_commit(
    request: RemoteRequest, desired: Proposal, now: datetime, *, is_fully_resolved: bool
) -> RequestAttributes:
    """Return the attributes to set for a pull request whose branch and text stay unchanged.

    - A status and a workflow run belong to a single commit. If a user merges the base branch into the branch, for
      example, the new last commit has neither. The status is copied from basebump's own commit, because this run has no
      evidence for the unchanged branch. If the branch is that of `desired`, and the text agrees with the evidence of
      this run, the status of this run is set.
    - Automerge is disabled if `is_unapproved` returns True.
    - The label of overdue pull requests is set if the due date passed recently.
    """
    mark = request.mark
    is_status_missing = desired.attributes.status is not None and not _has_status_attempt(request)
    is_desired = request.intent == desired.intent and mark.report == desired.report_fingerprint
    is_merged_on_top = request.own_commit is not None and request.own_commit != request.head
    attributes = RequestAttributes(
        automerge=False if is_unapproved(request, is_fully_resolved=is_fully_resolved) else None,
        status=desired.attributes.status if is_status_missing and is_desired else None,
        status_source=request.own_commit if is_status_missing and is_merged_on_top and not is_desired else None,
        workflows=desired.attributes.workflows if _is_workflow_start_missing(request) else (),
    )
    return _add_overdue_label(attributes, request, desired, now)


def is_unapproved(request: RemoteRequest, *, is_fully_resolved: bool) -> bool:
    """Return True if automerge is enabled for digests on the branch that basebump did not approve.

    A user can push other digests with the name of basebump's account, for example older ones of the same tag. They
    differ from the mark, from the proposal of this run, and from basebump's last push. If some data could not be read
    (`is_fully_resolved` is False), the proposal is incomplete, and only the mark counts.
    """
    is_approved = request.is_as_marked and (request.is_confirmed or not is_fully_resolved)
    return request.has_automerge and not is_approved


def _add_overdue_label(
    attributes: RequestAttributes, request: RemoteRequest, desired: Proposal, now: datetime
) -> RequestAttributes:
    """Add the label of overdue pull requests to the attributes if the pull request became overdue recently.

    The text of the pull request may stay unchanged when it becomes overdue, for example because a scan failed. A run
    that changed the text may also have been interrupted before it set the label. The label is left out if it was set
    before, because a user may have removed it on purpose.
    """
    due = desired.shown_due
    if due is None or not due.is_overdue or now - due.at >= RETRY_PERIOD or request.ever_set is None:
        return attributes
    missing = RequestAttributes(labels=(OVERDUE_LABEL,)).subtract(request.ever_set).subtract(attributes)
    return replace(attributes, labels=(*attributes.labels, *missing.labels))


def _has_status_attempt(request: RemoteRequest) -> bool:
    if request.head is None:
        return True
    attempt = request.mark.status_attempt
    return attempt is not None and attempt.commit == shorten_commit(request.head)


def _is_workflow_start_missing(request: RemoteRequest) -> bool:
    """Return True if basebump has not tried to start workflows for the last commit."""
    return request.head is not None and request.mark.started_commit != shorten_commit(request.head)


def _should_cancel_automerge(request: RemoteRequest, desired: Proposal) -> bool:
    return request.has_automerge and request.mark.has_automerge and not desired.attributes.automerge
