"""Gates: what must be true of the evidence before an update is proposed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bot.core.transition import short, transition_to
from bot.model.decision import Candidate, Held, Refused, Transition, Update
from bot.model.evidence import Evidence, NotScanned
from bot.model.vocabulary import Reason


def gate(update: Update, evidence: Mapping[Transition, Evidence]) -> Update | Held | Refused:
    """Return the update to its first candidate whose condition is met, or the reason why there is none."""
    for candidate in update.candidates:
        found = evidence[transition_to(update, candidate)]
        if candidate.mature is not None and not _is_urgent(update, found):
            continue
        if update.selected.policy.require_scan and isinstance(found.new, NotScanned):
            return Refused(replace(update, candidates=(candidate,)), Reason.NOT_SCANNED, found.new.why.sentence)
        return replace(update, candidates=(candidate,))
    return _too_young(update, update.candidates[0])


def _is_urgent(update: Update, evidence: Evidence) -> bool:
    """Say whether a candidate fixes something that a rule does not want to wait for."""
    fixed = evidence.delta.fixed if evidence.delta is not None else ()
    return any(finding.severity in update.selected.policy.bypass_min_age_for for finding in fixed)


def _too_young(update: Update, newest: Candidate) -> Held:
    why = f"{short(newest.digest)} will be old enough on {newest.mature:%Y-%m-%d}"
    return Held(update.selected, Reason.TOO_YOUNG, f"{why}, and fixes nothing that may not wait")
