"""Gates: what must be true of the evidence before an update is proposed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from bot.core.holds import acceptance, is_lower
from bot.core.transition import short, transition_to
from bot.model.decision import Candidate, Cause, Held, Refused, Transition, Update
from bot.model.evidence import Evidence, NotScanned, Scan
from bot.model.vocabulary import Reason


def gate(update: Update, evidence: Mapping[Transition, Evidence], now: datetime) -> Update | Held | Refused:
    """Return the update to its first candidate whose condition is met, or the reason why there is none."""
    held: Held | None = None
    for candidate in update.candidates:
        found = evidence[transition_to(update, candidate)]
        if candidate.mature is not None and not _is_urgent(update, found):
            continue
        if update.selected.policy.require_scan and isinstance(found.new, NotScanned):
            return Refused(replace(update, candidates=(candidate,)), Reason.NOT_SCANNED, found.new.why.sentence)
        notes, why = candidate.notes, _older(found)
        if why and update.cause is Cause.MOVED:
            accepted = acceptance(update.selected, Reason.OLDER, why, now)
            if not accepted:
                held = held or Held(update.selected, Reason.OLDER, why)
                continue
            notes = tuple(dict.fromkeys((*notes, accepted)))
        return replace(update, candidates=(replace(candidate, notes=notes),))
    return held or _too_young(update, update.candidates[0])


def _older(evidence: Evidence) -> str:
    """Say that the newer image states a lower version, as far as a scanner read the labels of both."""
    if not isinstance(evidence.old, Scan) or not isinstance(evidence.new, Scan):
        return ""
    before, after = evidence.old.version or "", evidence.new.version or ""
    return f"it states version {after}, the one in the file {before}" if is_lower(after, before) else ""


def _is_urgent(update: Update, evidence: Evidence) -> bool:
    """Say whether a candidate fixes something that a rule does not want to wait for."""
    fixed = evidence.delta.fixed if evidence.delta is not None else ()
    return any(finding.severity in update.selected.policy.bypass_min_age_for for finding in fixed)


def _too_young(update: Update, newest: Candidate) -> Held:
    why = f"{short(newest.digest)} will be old enough on {newest.mature:%Y-%m-%d}"
    return Held(update.selected, Reason.TOO_YOUNG, f"{why}, and fixes nothing that may not wait")
