"""Conversion of decisions to the verdicts that reports show for each image reference."""

from __future__ import annotations

from typing import assert_never

from bot.core.notes import with_notes
from bot.core.transition import transition_of
from bot.model.decision import (
    Cause,
    Decision,
    Held,
    NotChecked,
    Refused,
    Skip,
    Superseded,
    Unknown,
    Update,
    UpToDate,
    selected_of,
)
from bot.model.report import Verdict
from bot.model.source import Occurrence
from bot.model.vocabulary import Reason, Status

WITHDRAWN = "Its publisher took back what the file holds: the tag went back from it."


def verdict(decision: Decision) -> Verdict:
    """Return the conclusion of a run about one image reference."""
    place = _place_of(decision)
    match decision:
        case UpToDate():
            return Verdict(place, Status.UP_TO_DATE)
        case Update(candidates=candidates, cause=cause):
            chosen = candidates[0]
            moved = transition_of(decision)
            withdrawn = WITHDRAWN if cause is Cause.WITHDRAWN else ""
            place = with_notes(place, *chosen.notes, withdrawn, decision.doubt)
            if cause is Cause.GONE:
                return Verdict(place, Status.GONE, Reason.DIGEST_GONE, "", chosen.digest, moved)
            return Verdict(place, Status.UPDATE, None, "", chosen.digest, moved)
        case Superseded(reason=reason, detail=detail, successor=successor):
            return Verdict(place, Status.SUPERSEDED, reason, detail, successor=successor)
        case Refused(update=update, reason=reason, detail=detail):
            moved = transition_of(update)
            return Verdict(place, Status.REFUSED, reason, detail, update.candidates[0].digest, moved)
        case Held(reason=reason, detail=detail):
            return Verdict(place, Status.HELD, reason, detail)
        case Skip(reason=reason, detail=detail):
            return Verdict(place, Status.SKIPPED, reason, detail)
        case Unknown(reason=reason, detail=detail):
            return Verdict(place, Status.UNRESOLVED, reason, detail)
        case NotChecked():
            return Verdict(place, Status.NOT_CHECKED, Reason.OFFLINE)
    assert_never(decision)


def _place_of(decision: Decision) -> Occurrence:
    """Return the image reference with the notes of its decision."""
    selected = selected_of(decision)
    return (
        decision.occurrence if selected is None else with_notes(decision.occurrence, *selected.notes, selected.unlisted)
    )
