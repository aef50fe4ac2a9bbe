"""From decisions to what reports say of every place."""

from __future__ import annotations

from typing import assert_never

from bot.core.transition import transition_of
from bot.model.decision import Decision, Held, NotChecked, Refused, Skip, Unknown, Update, UpToDate
from bot.model.report import Verdict
from bot.model.vocabulary import Reason, Status


def verdict(decision: Decision) -> Verdict:
    """Return what a run concluded about one place."""
    place = decision.occurrence
    match decision:
        case UpToDate():
            return Verdict(place, Status.UP_TO_DATE)
        case Update(candidates=candidates):
            moved = transition_of(decision)
            return Verdict(place, Status.UPDATE, new_digest=candidates[0].digest, transition=moved)
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
