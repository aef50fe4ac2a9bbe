"""Conversion of each decision to the verdict that reports show for an image reference."""

from __future__ import annotations

from typing import assert_never

from bot.core.notes import add_occurrence_notes
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
    UncheckedReference,
    UnresolvedReference,
    UpdateCause,
    UpToDate,
    get_tracked_image,
)
from bot.model.report import Verdict
from bot.model.source import Occurrence
from bot.model.vocabulary import OccurrenceStatus, Reason

NO_REPLACEMENT = "no known replacement"
WITHDRAWN_NOTE = "Its publisher took back what the file holds: the tag went back from it."


def build_verdict(decision: Decision) -> Verdict:
    """Return the verdict that reports show for an image reference, including the notes of the decision."""
    occurrence = _add_decision_notes(decision)
    match decision:
        case UpToDate():
            return Verdict(occurrence, OccurrenceStatus.UP_TO_DATE)
        case ImageUpdate():
            return _build_update_verdict(decision, occurrence)
        case BlockedReference(block=block, detail=detail):
            return _build_blocked_verdict(occurrence, block, NO_REPLACEMENT, detail)
        case SupersededReference(reason=reason, detail=detail, successor=successor):
            return Verdict(occurrence, OccurrenceStatus.SUPERSEDED, reason, detail, successor=successor)
        case RefusedUpdate():
            return _build_refused_verdict(decision, occurrence)
        case HeldUpdate(reason=reason, detail=detail):
            return Verdict(occurrence, OccurrenceStatus.HELD, reason, detail)
        case SkippedReference(reason=reason, detail=detail):
            return Verdict(occurrence, OccurrenceStatus.SKIPPED, reason, detail)
        case UnresolvedReference(reason=reason, detail=detail):
            return Verdict(occurrence, OccurrenceStatus.UNRESOLVED, reason, detail)
        case UncheckedReference():
            return Verdict(occurrence, OccurrenceStatus.NOT_CHECKED, Reason.OFFLINE)
    assert_never(decision)


def _build_update_verdict(update: ImageUpdate, occurrence: Occurrence) -> Verdict:
    """Return the verdict for an update, with the notes of the candidate that is proposed."""
    candidate, transition = update.candidates[0], get_first_transition(update)
    withdrawn = WITHDRAWN_NOTE if update.cause is UpdateCause.WITHDRAWN else ""
    occurrence = add_occurrence_notes(occurrence, *candidate.notes, withdrawn, update.review_reason)
    status, reason, detail = OccurrenceStatus.UPDATE, None, ""
    if update.cause is UpdateCause.GONE:
        status, reason = OccurrenceStatus.GONE, Reason.DIGEST_GONE
    elif update.block is not None:
        status, reason, detail = OccurrenceStatus.BLOCKED, Reason.DIGEST_BLOCKED, update.block.reason
    return Verdict(occurrence, status, reason, detail, candidate.digest, transition)


def _build_refused_verdict(refused: RefusedUpdate, occurrence: Occurrence) -> Verdict:
    update = refused.update
    if update.block is not None:
        problem = f"the replacement is refused ({refused.reason})"
        return _build_blocked_verdict(occurrence, update.block, problem, refused.detail)
    new_digest, transition = update.candidates[0].digest, get_first_transition(update)
    return Verdict(occurrence, OccurrenceStatus.REFUSED, refused.reason, refused.detail, new_digest, transition)


def _build_blocked_verdict(occurrence: Occurrence, block: Block, problem: str, why: str) -> Verdict:
    """Return the verdict for a blocked digest that stays in the file, because of `problem`.

    `why` becomes a note, because it may name a registry, and texts that everyone can read contain no notes.
    """
    note = f"{problem[0].upper()}{problem[1:]}: {why}" if why else ""
    occurrence = add_occurrence_notes(occurrence, note)
    return Verdict(occurrence, OccurrenceStatus.BLOCKED, Reason.DIGEST_BLOCKED, f"{block.reason}; {problem}")


def _add_decision_notes(decision: Decision) -> Occurrence:
    """Return the image reference of a decision, with all notes that basebump added while it made the decision."""
    tracked_image = get_tracked_image(decision)
    return (
        decision.occurrence
        if tracked_image is None
        else add_occurrence_notes(decision.occurrence, *tracked_image.notes, tracked_image.missing_tags_reason)
    )
