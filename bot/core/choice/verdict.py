"""Conversion of each decision to the verdict that reports show for an image reference."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from bot.core.notes import add_reference_notes
from bot.core.transition import get_first_transition
from bot.model.blocklist import Block
from bot.model.decision import (
    BlockedReference,
    Decision,
    HeldUpdate,
    ImageUpdate,
    RefusedUpdate,
    SkippedReference,
    SupersededReference,
    Transition,
    UncheckedReference,
    UnresolvedReference,
    UpdateCause,
    UpToDate,
    get_tracked_image,
)
from bot.model.report import Verdict
from bot.model.source import Reference
from bot.model.vocabulary import Reason, ReferenceStatus

NO_REPLACEMENT = "no known replacement"
WITHDRAWN_NOTE = "Its publisher took back what the file holds: the tag went back from it."


def build_verdict(decision: Decision, in_use: Transition | None = None) -> Verdict:
    """Return the verdict that reports show for an image reference, including the notes of the decision.

    `in_use` has the meaning of `Verdict.in_use`.
    """
    verdict = _build_status(decision)
    return verdict if in_use is None else replace(verdict, in_use=in_use)


def _build_status(decision: Decision) -> Verdict:
    reference = _add_decision_notes(decision)
    match decision:
        case UpToDate():
            return Verdict(reference, ReferenceStatus.UP_TO_DATE)
        case ImageUpdate():
            return _build_update_verdict(decision, reference)
        case BlockedReference(block=block, detail=detail):
            return _build_blocked_verdict(reference, block, NO_REPLACEMENT, detail)
        case SupersededReference(reason=reason, detail=detail, successor=successor):
            return Verdict(reference, ReferenceStatus.SUPERSEDED, reason, detail, successor=successor)
        case RefusedUpdate():
            return _build_refused_verdict(decision, reference)
        case HeldUpdate(reason=reason, detail=detail):
            return Verdict(reference, ReferenceStatus.HELD, reason, detail)
        case SkippedReference(reason=reason, detail=detail):
            return Verdict(reference, ReferenceStatus.SKIPPED, reason, detail)
        case UnresolvedReference(reason=reason, detail=detail):
            return Verdict(reference, ReferenceStatus.UNRESOLVED, reason, detail)
        case UncheckedReference():
            return Verdict(reference, ReferenceStatus.NOT_CHECKED, Reason.OFFLINE)
    assert_never(decision)


def _build_update_verdict(update: ImageUpdate, reference: Reference) -> Verdict:
    """Return the verdict for an update, with the notes of the candidate that is proposed."""
    candidate, transition = update.candidates[0], get_first_transition(update)
    withdrawn = WITHDRAWN_NOTE if update.cause is UpdateCause.WITHDRAWN else ""
    reference = add_reference_notes(reference, *candidate.notes, withdrawn, update.review_reason)
    status, reason, detail = ReferenceStatus.UPDATE, None, ""
    if update.cause is UpdateCause.GONE:
        status, reason = ReferenceStatus.GONE, Reason.DIGEST_GONE
    elif update.block is not None:
        status, reason, detail = ReferenceStatus.BLOCKED, Reason.DIGEST_BLOCKED, update.block.reason
    return Verdict(reference, status, reason, detail, candidate.digest, transition)


def _build_refused_verdict(refused: RefusedUpdate, reference: Reference) -> Verdict:
    update = refused.update
    if update.block is not None:
        problem = f"the replacement is refused ({refused.reason})"
        return _build_blocked_verdict(reference, update.block, problem, refused.detail)
    new_digest, transition = update.candidates[0].digest, get_first_transition(update)
    return Verdict(reference, ReferenceStatus.REFUSED, refused.reason, refused.detail, new_digest, transition)


def _build_blocked_verdict(reference: Reference, block: Block, problem: str, why: str) -> Verdict:
    """Return the verdict for a blocked digest that stays in the file, because of `problem`.

    `why` becomes a note, because it may name a registry, and texts that everyone can read contain no notes.
    """
    note = f"{problem[0].upper()}{problem[1:]}: {why}" if why else ""
    reference = add_reference_notes(reference, note)
    return Verdict(reference, ReferenceStatus.BLOCKED, Reason.DIGEST_BLOCKED, f"{block.reason}; {problem}")


def _add_decision_notes(decision: Decision) -> Reference:
    """Return the image reference of a decision, with all notes that basebump added while it made the decision."""
    tracked_image = get_tracked_image(decision)
    return (
        decision.reference
        if tracked_image is None
        else add_reference_notes(decision.reference, *tracked_image.notes, tracked_image.missing_tags_reason)
    )
