"""Conversion of decisions to the verdicts that reports show for each image reference."""

from __future__ import annotations

from typing import assert_never

from bot.core.notes import with_notes
from bot.core.transition import transition_of
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

WITHDRAWN = "Its publisher took back what the file holds: the tag went back from it."


def verdict(decision: Decision) -> Verdict:
    """Return the conclusion of a run about one image reference."""
    place = _place_of(decision)
    match decision:
        case UpToDate():
            return Verdict(place, OccurrenceStatus.UP_TO_DATE)
        case ImageUpdate(candidates=candidates, cause=cause):
            chosen = candidates[0]
            moved = transition_of(decision)
            withdrawn = WITHDRAWN if cause is UpdateCause.WITHDRAWN else ""
            place = with_notes(place, *chosen.notes, withdrawn, decision.review_reason)
            if cause is UpdateCause.GONE:
                return Verdict(place, OccurrenceStatus.GONE, Reason.DIGEST_GONE, "", chosen.digest, moved)
            return Verdict(place, OccurrenceStatus.UPDATE, None, "", chosen.digest, moved)
        case SupersededReference(reason=reason, detail=detail, successor=successor):
            return Verdict(place, OccurrenceStatus.SUPERSEDED, reason, detail, successor=successor)
        case RefusedUpdate(update=update, reason=reason, detail=detail):
            moved = transition_of(update)
            return Verdict(place, OccurrenceStatus.REFUSED, reason, detail, update.candidates[0].digest, moved)
        case HeldUpdate(reason=reason, detail=detail):
            return Verdict(place, OccurrenceStatus.HELD, reason, detail)
        case SkippedReference(reason=reason, detail=detail):
            return Verdict(place, OccurrenceStatus.SKIPPED, reason, detail)
        case UnresolvedReference(reason=reason, detail=detail):
            return Verdict(place, OccurrenceStatus.UNRESOLVED, reason, detail)
        case UncheckedReference():
            return Verdict(place, OccurrenceStatus.NOT_CHECKED, Reason.OFFLINE)
    assert_never(decision)


def _place_of(decision: Decision) -> Occurrence:
    """Return the image reference with the notes of its decision."""
    selected = get_tracked_image(decision)
    return (
        decision.occurrence
        if selected is None
        else with_notes(decision.occurrence, *selected.notes, selected.missing_tags_reason)
    )
