"""The life of a proposal as one pure function: what is wanted and what the forge remembers, to the next step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from bot.core.proposal.boxes import ticked
from bot.core.proposal.fingerprint import is_outdated
from bot.core.proposal.mark import read_mark
from bot.core.proposal.missing import is_accepted, lost, missing, still_merges
from bot.model.dashboard import Ask
from bot.model.extras import NO_EXTRAS
from bot.model.modes import OnClose, Rebase
from bot.model.proposal import (
    Close,
    Leave,
    LeaveReason,
    Open,
    Proposal,
    Refresh,
    RequestState,
    Seen,
    Step,
    Sweep,
    Target,
    Unwanted,
)


def as_it_stands(wanted: Proposal, seen: Iterable[Seen]) -> Proposal:
    """Return what is wanted, without the files that the forge kept from the token when the branch was made.

    Who asks for the branch to be rebuilt has them tried again.
    """
    standing = [each for each in seen if each.state in (RequestState.OPEN, RequestState.BRANCH)]
    lesser = wanted.lesser
    if lesser is None or not any(each.intent == lesser.intent for each in standing):
        return wanted
    is_asked_for = any(Ask.REBASE in _asks(wanted, each) for each in standing)
    return wanted if is_asked_for else replace(lesser, asks=wanted.asks)


def next_step(wanted: Proposal | Unwanted, seen: Sequence[Seen], *, known: bool, now: datetime) -> Step | None:
    """Return the next step for one branch, or None when there is nothing to do and nothing to say.

    `seen` is all that the forge shows of this branch, newest request first. `known` says whether everything that
    the branch depends on was looked at in this run; what was not is never unwanted.
    """
    request = next((each for each in seen if each.state is RequestState.OPEN), None)
    if request is not None:
        return _of_open(wanted, request, known=known, now=now)
    branch = next((each for each in seen if each.state is RequestState.BRANCH), None)
    if branch is not None and branch.intent is None:
        return Leave(branch.branch, LeaveReason.TAKEN, branch)
    if isinstance(wanted, Unwanted):
        if branch is None:
            return None
        return Sweep(branch) if known else Leave(branch.branch, LeaveReason.UNKNOWN, branch)
    ended = [each for each in seen if each.state is RequestState.CLOSED]
    if seen and seen[0] in ended:  # a label on an older one was answered by what came after it
        wanted = replace(wanted, asks=wanted.asks | seen[0].asks)
    if Ask.AGAIN not in wanted.asks and (refusal := _refusal(wanted, ended)) is not None:
        return refusal
    withdrawn = ended[0] if ended and read_mark(ended[0].body).withdrawn else None
    was_merged = any(each.state is RequestState.MERGED for each in seen)
    is_ready = branch is not None and branch.intent == wanted.intent and not branch.conflicts and not was_merged
    return Open(wanted, push=not is_ready, over=branch, withdrawn=withdrawn)


def _refusal(wanted: Proposal, ended: Sequence[Seen]) -> Leave | None:
    """Return what a person said no to, and how far that reaches; None where nobody did."""
    declined = next((each for each in ended if _declines(each, wanted)), None)
    if declined is not None:
        return Leave(wanted.branch, LeaveReason.DECLINED, declined)
    if wanted.is_first and (closed := next(filter(_is_persons, ended), None)):
        return Leave(wanted.branch, LeaveReason.OPTED_OUT, closed)
    muting = next((each for each in ended if _mutes(each, wanted)), None)
    if muting is not None and not wanted.is_urgent:
        return Leave(wanted.branch, LeaveReason.MUTED, muting)
    return None


def _of_open(wanted: Proposal | Unwanted, request: Seen, *, known: bool, now: datetime) -> Step:
    is_asked_for = isinstance(wanted, Proposal) and Ask.REBASE in _asks(wanted, request)
    if request.intent is None and not is_asked_for:
        return Leave(request.branch, LeaveReason.EDITED, request, tell=not request.told)
    if not known:
        kept = lost(request, wanted) if isinstance(wanted, Proposal) else NO_EXTRAS
        return Leave(request.branch, LeaveReason.UNKNOWN, request, extras=kept)
    if isinstance(wanted, Unwanted):
        return Close(request, wanted.why)
    push = request.intent != wanted.intent or is_asked_for or _is_to_be_rebuilt(request, wanted)
    if push and not is_asked_for and (wait := _why_wait(request, wanted, now)) is not None:
        return Leave(wanted.branch, wait, request, extras=lost(request, wanted))
    amend = _is_to_be_amended(request, wanted)
    extras = missing(request, wanted, now, changes=push or amend)
    if push or amend or extras != NO_EXTRAS:
        return Refresh(request, wanted, push=push, amend=amend, extras=extras)
    return Leave(wanted.branch, LeaveReason.UNCHANGED, request)


def _asks(wanted: Proposal, request: Seen) -> frozenset[Ask]:
    """Return what people ask for: in the dashboard, by a label, or in the body."""
    return wanted.asks | request.asks | {ask for ask, _ in ticked(request.body)}


def _is_to_be_rebuilt(request: Seen, wanted: Proposal) -> bool:
    """Say whether what the base became is reason enough for another commit."""
    match wanted.rebase:
        case Rebase.AUTO:
            return request.conflicts or (request.behind and request.strict)
        case Rebase.ALWAYS:
            return request.conflicts or request.behind
        case Rebase.NEVER:
            return False
    assert_never(wanted.rebase)


def _is_to_be_amended(request: Seen, wanted: Proposal) -> bool:
    remembered = read_mark(request.body)
    is_answered = ticked(request.body) or request.asks
    merges = bool(wanted.extras.automerge) or still_merges(request, wanted)
    changes = is_answered or remembered.automerge is not merges
    is_untrue = remembered.withdrawn or set(remembered.targets) != set(wanted.targets)
    if is_untrue or remembered.report is None or changes:
        return True
    return is_outdated(remembered.report, wanted.report)


def _why_wait(request: Seen, wanted: Proposal, now: datetime) -> LeaveReason | None:
    """Say why an open request is not moved on yet: that costs an approval, or a CI run for nothing that is new.

    One that conflicts is of no use to anybody, accepted or not.
    """
    if request.conflicts and wanted.rebase is not Rebase.NEVER:
        return None
    if wanted.is_urgent or (request.committed is not None and now - request.committed >= wanted.refresh_every):
        return None
    if is_accepted(request):
        return LeaveReason.ACCEPTED
    if _is_to_be_rebuilt(request, wanted):
        return None
    slid = wanted.slides and _lines(read_mark(request.body).targets) == _lines(wanted.targets)
    return LeaveReason.SLIDING if slid else None


def _lines(targets: Iterable[Target]) -> set[str]:
    return {target.rpartition("@")[0] for target in targets}


def may_be_declined(ended: RequestState, body: str) -> bool:
    """Say whether a person may have closed a request, so that it is worth asking the forge who did."""
    return ended is RequestState.CLOSED and not read_mark(body).withdrawn


def _is_persons(ended: Seen) -> bool:
    """Say whether a person closed a request, and not we; one whose branch vanished nobody closed."""
    return not read_mark(ended.body).withdrawn and not ended.vanished


def _mutes(ended: Seen, wanted: Proposal) -> bool:
    """Say whether a person closed a request of the same lines, where the policy takes that for all that follows."""
    closed = _is_persons(ended) and wanted.on_close is OnClose.LINE
    return closed and _lines(wanted.targets) <= _lines(read_mark(ended.body).targets)


def _declines(ended: Seen, wanted: Proposal) -> bool:
    """Say whether a person closed exactly these targets."""
    declined = set(read_mark(ended.body).targets)
    return _is_persons(ended) and bool(declined) and declined == set(wanted.targets)
