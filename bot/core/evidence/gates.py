"""Gates: the evidence that an update requires before it is proposed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from bot.core.choice.holds import acceptance, is_lower
from bot.core.evidence import withheld
from bot.core.evidence.compare import fixes
from bot.core.evidence.introduced import Excess, excess
from bot.core.evidence.rollback import rollback
from bot.core.evidence.several_platforms import comparable
from bot.core.evidence.trust import distrust
from bot.core.transition import short, transition_to
from bot.model.advisory import AdvisoryList
from bot.model.decision import (
    HeldUpdate,
    ImageUpdate,
    RefusedUpdate,
    Transition,
    UnresolvedReference,
    UpdateCandidate,
    UpdateCause,
)
from bot.model.evidence import Evidence, NotScanned, Scan
from bot.model.policy import Policy
from bot.model.vocabulary import Reason


def gate(
    update: ImageUpdate, evidence: Mapping[Transition, Evidence], now: datetime, *, is_public: bool = False
) -> ImageUpdate | HeldUpdate | RefusedUpdate | UnresolvedReference:
    """Return the update to its first candidate that passes, or why the newest candidate that is old enough fails.

    If a registry could not say whether a candidate is signed, or a list whether it is urgent, the result is `Unknown`
    and no earlier candidate is used instead. `is_public` says whether everyone can read the reasons, which then contain
    no details of private evidence.
    """
    first: HeldUpdate | RefusedUpdate | None = None
    for candidate in update.candidates:
        found = evidence[transition_to(update, candidate)]
        if candidate.matures_at is not None and not _is_urgent(update, found):
            if _may_be_urgent(update, found):
                return UnresolvedReference(update.tracked_image, Reason.LISTS_UNREAD, _LIST_UNREAD)
            continue
        verdict = _judge(
            replace(update, candidates=(candidate,)), found, now, is_told=not (is_public and found.is_private)
        )
        if isinstance(verdict, ImageUpdate | UnresolvedReference):
            return verdict
        first = first or verdict
    return first or _too_young(update, update.candidates[0])


def _judge(
    update: ImageUpdate, evidence: Evidence, now: datetime, *, is_told: bool
) -> ImageUpdate | HeldUpdate | RefusedUpdate | UnresolvedReference:
    """Check the only candidate of an update; unknown evidence alone neither passes nor fails it."""
    policy = update.tracked_image.policy
    doubt = distrust(evidence.signatures, is_required=policy.require.signature)
    if doubt is not None and doubt.is_unknown:
        return UnresolvedReference(update.tracked_image, doubt.reason, doubt.detail)
    if doubt is not None:
        return RefusedUpdate(update, doubt.reason, doubt.detail)
    too_much = excess(evidence, policy.allow_introduced)
    if too_much is not None and too_much.keeps_worse:
        brings = str(too_much) if is_told else f"{_without_numbers(Reason.INTRODUCED)}; staying is worse"
        update = _doubted(update, f"{_capital(brings)}.")
    for reason, found in _objections(evidence, policy, too_much):
        why = found if is_told or reason not in _FROM_SCANS else _without_numbers(reason)
        accepted = acceptance(update.tracked_image, reason, why, now)
        if accepted:
            update = _noted(update, accepted)
        elif reason is Reason.INTRODUCED and _is_unread(AdvisoryList.VEX, evidence):
            return UnresolvedReference(
                update.tracked_image, Reason.LISTS_UNREAD, f"{why}; whether anybody answers for that is not known"
            )
        elif update.cause is UpdateCause.MOVED or reason in _ALWAYS:
            return (
                HeldUpdate(update.tracked_image, reason, why)
                if reason is Reason.OLDER
                else RefusedUpdate(update, reason, why)
            )
        elif reason is Reason.DOWNGRADE:  # the pinned digest cannot stay, so a maintainer has to review the update
            update = _doubted(update, f"It looks like a rollback: {why}.")
    return update


_FROM_SCANS = {
    Reason.INTRODUCED: "it brings more vulnerabilities than a rule allows",
    Reason.DOWNGRADE: "packages in it are older than in the one in the file",
}
"""Details of these reasons that contain no private evidence."""
_ALWAYS = frozenset({Reason.NOT_SCANNED, Reason.INTRODUCED})
"""Reasons that refuse even the replacement of a digest that is gone or withdrawn. Reasons that concern age do not,
because such a replacement is expected to be older."""


def _without_numbers(reason: Reason) -> str:
    return f"{_FROM_SCANS[reason]} ({withheld.REASON})"


def _objections(evidence: Evidence, policy: Policy, too_much: Excess | None) -> Iterator[tuple[Reason, str]]:
    """Yield the reasons against an update that an operator can accept."""
    if policy.require.scan and isinstance(evidence.new, NotScanned):
        yield Reason.NOT_SCANNED, evidence.new.reason.sentence
    back = rollback(evidence)
    if back:  # before the vulnerabilities that the rollback adds, because it explains them
        yield Reason.DOWNGRADE, back
    if too_much is not None and not too_much.keeps_worse:
        yield Reason.INTRODUCED, str(too_much)
    older = next(filter(None, map(_older, comparable(evidence))), "")
    if older:
        yield Reason.OLDER, older


def _noted(update: ImageUpdate, note: str) -> ImageUpdate:
    """Return the update with an additional note on its candidate, unless the candidate has the note already."""
    first, *others = update.candidates
    notes = tuple(dict.fromkeys((*first.notes, note)))
    return replace(update, candidates=(replace(first, notes=notes), *others))


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


def _doubted(update: ImageUpdate, why: str) -> ImageUpdate:
    """Return the update with a doubt that a maintainer has to review; each doubt is added once."""
    return (
        update
        if why in update.review_reason
        else replace(update, review_reason=f"{update.review_reason} {why}".strip())
    )


def _older(evidence: Evidence) -> str:
    """Return the detail if the newer image states a lower version in its labels, as scanned; else empty."""
    if not isinstance(evidence.old, Scan) or not isinstance(evidence.new, Scan):
        return ""
    before, after = evidence.old.version or "", evidence.new.version or ""
    return f"it states version {after}, the one in the file {before}" if is_lower(after, before) else ""


_LIST_UNREAD = "it is too young, and whether it fixes something that is known to be exploited is not known"


def _may_be_urgent(update: ImageUpdate, evidence: Evidence) -> bool:
    """Return True if the urgency of a candidate depends on a list that could not be read."""
    asks = AdvisoryList.KEV in update.tracked_image.policy.bypass_min_age_for and _is_unread(AdvisoryList.KEV, evidence)
    return asks and evidence.delta is not None and bool(evidence.delta.fixed)


def _is_unread(listing: AdvisoryList, evidence: Evidence) -> bool:
    return evidence.list_versions is not None and listing in evidence.list_versions.unread_lists


def _is_urgent(update: ImageUpdate, evidence: Evidence) -> bool:
    """Return True if a candidate fixes a vulnerability for which the policy skips the minimum age."""
    fixed = evidence.delta.fixed if evidence.delta is not None else ()
    urgent = update.tracked_image.policy.bypass_min_age_for
    if AdvisoryList.KEV in urgent and fixes(evidence, AdvisoryList.KEV):
        return True
    return any(finding.severity in urgent for finding in fixed)


def _too_young(update: ImageUpdate, newest: UpdateCandidate) -> HeldUpdate:
    why = f"{short(newest.digest)} will be old enough on {newest.matures_at:%Y-%m-%d}"
    return HeldUpdate(update.tracked_image, Reason.TOO_YOUNG, f"{why}, and fixes nothing that may not wait")
