"""Attributes that an open request lacks or must lose."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.proposal.fingerprint import knows_less
from bot.core.proposal.mark import Remembered, read_mark, short_commit
from bot.model.extras import NO_ATTRIBUTES, RequestAttributes
from bot.model.proposal import Proposal, RemoteRequest

TRIED_FOR = timedelta(days=2)
"""How long after opening or after basebump's last commit attributes are set again. An interrupted run is followed by
another within this time, and attributes that the forge refuses are not requested endlessly."""


def missing(request: RemoteRequest, wanted: Proposal, now: datetime, *, changes: bool) -> RequestAttributes:
    """Return the attributes that were never set on a request; those that users removed are not set again.

    `is_changing` says whether the request is updated now, because its desired attributes may have changed as well.
    """
    extras = NO_ATTRIBUTES
    is_young = any(now - each < TRIED_FOR for each in (request.opened_at, request.committed_at) if each is not None)
    if request.ever_set is not None and (is_young or changes):
        extras = replace(wanted.attributes, status=None).subtract(request.ever_set)
    if changes or _lacks_status(request, wanted):
        extras = replace(extras, status=wanted.attributes.status)
    if changes or _lacks_start(request):
        extras = replace(extras, workflows=wanted.attributes.workflows)
    is_to_be_disarmed = _is_to_be_disarmed(request, wanted) and (changes or not still_merges(request, wanted))
    return replace(extras, automerge=False) if is_to_be_disarmed else extras


def still_merges(request: RemoteRequest, wanted: Proposal) -> bool:
    """Return True if automerge stays enabled: the only objection is that this run has less evidence."""
    remembered = read_mark(request.body)
    was_to = remembered.automerge and request.intent == wanted.intent and remembered.report is not None
    return wanted.is_merge_unknown and was_to and knows_less(remembered.report or "", wanted.report_fingerprint)


def is_accepted(request: RemoteRequest) -> bool:
    """Return True if a user accepted the request, possibly by enabling automerge with the account of basebump."""
    return request.is_accepted or (request.has_automerge and not read_mark(request.body).automerge)


def _lacks_status(request: RemoteRequest, wanted: Proposal) -> bool:
    """Return True if no status was tried for the last commit, as after a merge of the base or an interrupted run.

    If the evidence differs from that in the text, the status waits for the text.
    """
    remembered = read_mark(request.body)
    return not _is_tried(request, remembered) and remembered.report == wanted.report_fingerprint


def lost(request: RemoteRequest, wanted: Proposal) -> RequestAttributes:
    """Return the attributes that an unchanged request lacks on its last commit: its earlier status, and workflows."""
    remembered = read_mark(request.body)
    is_bare = wanted.attributes.status is not None and not _is_tried(request, remembered)
    return RequestAttributes(
        status=remembered.status.status if is_bare and remembered.status is not None else None,
        workflows=wanted.attributes.workflows if _lacks_start(request) else (),
    )


def _is_tried(request: RemoteRequest, remembered: Remembered) -> bool:
    if request.head is None:
        return True
    return remembered.status is not None and remembered.status.commit == short_commit(request.head)


def _lacks_start(request: RemoteRequest) -> bool:
    """Return True if starting workflows was not tried for the last commit."""
    return request.head is not None and read_mark(request.body).started != short_commit(request.head)


def _is_to_be_disarmed(request: RemoteRequest, wanted: Proposal) -> bool:
    return request.has_automerge and read_mark(request.body).automerge and not wanted.attributes.automerge
