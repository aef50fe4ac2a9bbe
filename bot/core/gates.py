"""Gates: what must be true of the evidence before an update is proposed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from bot.core.holds import acceptance, is_lower
from bot.core.introduced import excess
from bot.core.transition import short, transition_to
from bot.core.trust import distrust
from bot.model.decision import Candidate, Cause, Held, Refused, Transition, Unknown, Update
from bot.model.evidence import Evidence, NotScanned, Scan
from bot.model.vocabulary import Reason


def gate(update: Update, evidence: Mapping[Transition, Evidence], now: datetime) -> Update | Held | Refused | Unknown:
    """Return the update to its first candidate that passes, or why the newest that is old enough does not.

    Where a registry could not say whether that one is signed, no earlier one is taken in its place.
    """
    first: Held | Refused | None = None
    for candidate in update.candidates:
        found = evidence[transition_to(update, candidate)]
        if candidate.mature is not None and not _is_urgent(update, found):
            continue
        verdict = _judge(replace(update, candidates=(candidate,)), candidate, found, now)
        if isinstance(verdict, Update | Unknown):
            return verdict
        first = first or verdict
    return first or _too_young(update, update.candidates[0])


def _judge(
    update: Update, candidate: Candidate, evidence: Evidence, now: datetime
) -> Update | Held | Refused | Unknown:
    """Say whether the one candidate of an update passes; what is unknown neither passes nor fails by itself."""
    policy = update.selected.policy
    doubt = distrust(evidence.signatures, is_required=policy.require_signature)
    if doubt is not None and doubt.is_unknown:
        return Unknown(update.selected, doubt.reason, doubt.detail)
    if doubt is not None:
        return Refused(update, doubt.reason, doubt.detail)
    if policy.require_scan and isinstance(evidence.new, NotScanned):
        return Refused(update, Reason.NOT_SCANNED, evidence.new.why.sentence)
    too_much = excess(evidence, policy.allow_introduced)
    if too_much is not None and not too_much.keeps_worse:
        return Refused(update, Reason.INTRODUCED, str(too_much))
    if too_much is not None:
        update = _doubted(update, f"I{str(too_much)[1:]}.")
    why = _older(evidence)
    if not why or update.cause is not Cause.MOVED:
        return update
    accepted = acceptance(update.selected, Reason.OLDER, why, now)
    if not accepted:
        return Held(update.selected, Reason.OLDER, why)
    notes = tuple(dict.fromkeys((*candidate.notes, accepted)))
    return replace(update, candidates=(replace(candidate, notes=notes),))


def _doubted(update: Update, why: str) -> Update:
    """Return an update that a person must look at; each doubt is said once."""
    return update if why in update.doubt else replace(update, doubt=f"{update.doubt} {why}".strip())


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
