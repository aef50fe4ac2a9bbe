"""What is still to be set on an open request, or must come off it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.proposal.fingerprint import knows_less
from bot.core.proposal.mark import Remembered, read_mark, short_commit
from bot.model.extras import NO_EXTRAS, Extras
from bot.model.proposal import Proposal, Seen

TRIED_FOR = timedelta(days=2)
"""How long after it was opened, or after our commit: a run that was killed is followed by another until then, and what
the forge refuses is not asked for without end."""


def missing(request: Seen, wanted: Proposal, now: datetime, *, changes: bool) -> Extras:
    """Return what was never set on a request; what people took off again is not set again.

    `changes` says whether it is refreshed now, as what is wanted of it may have changed, too.
    """
    extras = NO_EXTRAS
    is_young = any(now - each < TRIED_FOR for each in (request.opened, request.committed) if each is not None)
    if request.ever is not None and (is_young or changes):
        extras = replace(wanted.extras, status=None).without(request.ever)
    if changes or _lacks_status(request, wanted):
        extras = replace(extras, status=wanted.extras.status)
    if changes or _lacks_start(request):
        extras = replace(extras, workflows=wanted.extras.workflows)
    is_to_be_disarmed = _is_to_be_disarmed(request, wanted) and (changes or not still_merges(request, wanted))
    return replace(extras, automerge=False) if is_to_be_disarmed else extras


def still_merges(request: Seen, wanted: Proposal) -> bool:
    """Say whether what was to merge by itself still is: all that speaks against it is that this run knows less."""
    remembered = read_mark(request.body)
    was_to = remembered.automerge and request.intent == wanted.intent and remembered.report is not None
    return wanted.is_merge_unknown and was_to and knows_less(remembered.report or "", wanted.report)


def is_accepted(request: Seen) -> bool:
    """Say whether a person accepted it; one whose own account we use may have set it to merge by itself, too."""
    return request.accepted or (request.armed and not read_mark(request.body).automerge)


def _lacks_status(request: Seen, wanted: Proposal) -> bool:
    """Say whether the status of its last commit was never tried: somebody merged the base, or a run was killed.

    Where a run knows something else than the text says, the status waits for the text.
    """
    remembered = read_mark(request.body)
    return not _is_tried(request, remembered) and remembered.report == wanted.report


def lost(request: Seen, wanted: Proposal) -> Extras:
    """Return what a request that stays as it is lacks on its last commit: the status that it had, and workflows."""
    remembered = read_mark(request.body)
    is_bare = wanted.extras.status is not None and not _is_tried(request, remembered)
    return Extras(
        status=remembered.status.status if is_bare and remembered.status is not None else None,
        workflows=wanted.extras.workflows if _lacks_start(request) else (),
    )


def _is_tried(request: Seen, remembered: Remembered) -> bool:
    if request.head is None:
        return True
    return remembered.status is not None and remembered.status.commit == short_commit(request.head)


def _lacks_start(request: Seen) -> bool:
    """Say whether it was never tried to start workflows for its last commit, as for its status."""
    return request.head is not None and read_mark(request.body).started != short_commit(request.head)


def _is_to_be_disarmed(request: Seen, wanted: Proposal) -> bool:
    return request.armed and read_mark(request.body).automerge and not wanted.extras.automerge
