"""Conversion of each decision to the verdict that reports show for an image reference."""

from __future__ import annotations

from typing import assert_never

from bot.core.notes import add_occurrence_notes
from bot.core.transition import get_first_transition
from bot.model.decision import (
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

WITHDRAWN_NOTE = "Its publisher took back what the file holds: the tag went back from it."


def build_verdict(decision: Decision) -> Verdict:
    """Return the verdict that reports show for an image reference, including the notes of the decision."""
    occurrence = _add_decision_notes(decision)
    match decision:
        case UpToDate():
            return Verdict(occurrence, OccurrenceStatus.UP_TO_DATE)
        case ImageUpdate(candidates=candidates, cause=cause):
            first_candidate = candidates[0]
            transition = get_first_transition(decision)
            withdrawn = WITHDRAWN_NOTE if cause is UpdateCause.WITHDRAWN else ""
            occurrence = add_occurrence_notes(occurrence, *first_candidate.notes, withdrawn, decision.review_reason)
            if cause is UpdateCause.GONE:
                return Verdict(
                    occurrence, OccurrenceStatus.GONE, Reason.DIGEST_GONE, "", first_candidate.digest, transition
                )
            return Verdict(occurrence, OccurrenceStatus.UPDATE, None, "", first_candidate.digest, transition)
        case SupersededReference(reason=reason, detail=detail, successor=successor):
            return Verdict(occurrence, OccurrenceStatus.SUPERSEDED, reason, detail, successor=successor)
        case RefusedUpdate(update=update, reason=reason, detail=detail):
            transition = get_first_transition(update)
            return Verdict(
                occurrence, OccurrenceStatus.REFUSED, reason, detail, update.candidates[0].digest, transition
            )
        case HeldUpdate(reason=reason, detail=detail):
            return Verdict(occurrence, OccurrenceStatus.HELD, reason, detail)
        case SkippedReference(reason=reason, detail=detail):
            return Verdict(occurrence, OccurrenceStatus.SKIPPED, reason, detail)
        case UnresolvedReference(reason=reason, detail=detail):
            return Verdict(occurrence, OccurrenceStatus.UNRESOLVED, reason, detail)
        case UncheckedReference():
            return Verdict(occurrence, OccurrenceStatus.NOT_CHECKED, Reason.OFFLINE)
    assert_never(decision)


def _add_decision_notes(decision: Decision) -> Occurrence:
    """Return the image reference of a decision, with all notes that basebump added while it made the decision."""
    tracked_image = get_tracked_image(decision)
    return (
        decision.occurrence
        if tracked_image is None
        else add_occurrence_notes(decision.occurrence, *tracked_image.notes, tracked_image.missing_tags_reason)
    )
