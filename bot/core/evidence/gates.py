"""Gates: checks of the evidence that an update must pass before it is proposed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from bot.core.choice.holds import describe_acceptance, is_lower_version
from bot.core.evidence import private_evidence
from bot.core.evidence.compare import has_fix_for
from bot.core.evidence.rollback import describe_rollback
from bot.core.evidence.several_platforms import list_checked_evidence
from bot.core.evidence.trust import check_signatures
from bot.core.evidence.vulnerability_limits import LimitExceeded, find_added_risk, find_exceeded_limit
from bot.core.transition import build_transition, shorten_digest
from bot.model.advisory import AdvisoryList
from bot.model.ci import FleetOutcome
from bot.model.decision import (
    BlockedReference,
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
from bot.model.vocabulary import Reason, ReferenceStatus


def hold_if_failing(
    update: ImageUpdate, evidence: Evidence, now: datetime, *, is_overdue: bool
) -> ImageUpdate | HeldUpdate:
    """Return a `HeldUpdate` if the single candidate of an update fails CI in several repositories of the fleet.

    The update is returned nevertheless if an owner accepts the hold, or if it must not wait. It must not wait if it
    fixes a vulnerability that is known to be exploited, if it is overdue, or if the digest in the file cannot stay. A
    person must then review it.
    """
    outcome = evidence.fleet_outcome
    if outcome is None or not outcome.is_failing:
        return update
    digest = shorten_digest(update.candidates[0].digest)
    fact = f"CI fails with {digest} in several repositories of this fleet, and passes there without it"
    accepted = describe_acceptance(update.tracked_image, Reason.FAILING_ELSEWHERE, fact, now)
    if accepted:
        return _add_candidate_note(update, accepted)
    detail = f"CI fails with {digest} {describe_failures(outcome)}"
    is_urgent = is_overdue or has_fix_for(evidence, AdvisoryList.KEV) or update.cause is not UpdateCause.MOVED
    if not is_urgent:
        return HeldUpdate(update.tracked_image, Reason.FAILING_ELSEWHERE, detail)
    return _add_review_reason(update, detail, fact=fact)


def describe_failures(outcome: FleetOutcome) -> str:
    """Return a phrase: in how many repositories CI failed, and in how many the digest is the likely reason."""
    failed = f"in {outcome.failed} of {outcome.finished} repositories of this fleet"
    where = "there" if outcome.broken == outcome.failed else f"in {outcome.broken} of these {outcome.failed}"
    return f"{failed}, and passes {where} without this digest"


def _return_false(_: ImageUpdate) -> bool:
    return False


def apply_gates(
    update: ImageUpdate,
    evidence: Mapping[Transition, Evidence],
    now: datetime,
    *,
    is_public: bool = False,
    is_overdue: Callable[[ImageUpdate], bool] = _return_false,
) -> ImageUpdate | HeldUpdate | RefusedUpdate | UnresolvedReference | BlockedReference:
    """Return the update with only the newest candidate that passes all gates, or the reason that there is none.

    A candidate that is too young is skipped. If it fixes a vulnerability that the policy exempts from the minimum age
    (`bypass_min_age_for`), it is checked nevertheless. If no candidate passes, the result is one of these:

    - A `HeldUpdate` or `RefusedUpdate` with the failure of the newest candidate that was checked.
    - A `HeldUpdate` if all candidates are too young.
    - An `UnresolvedReference` if it is unknown whether a candidate passes, because a registry or a vulnerability list
      could not be read. Candidates that are older than this one are not checked. If the update replaces a blocked
      digest, the result is a `BlockedReference` instead.

    If everyone can read the result (`is_public`), its reasons contain no details of private evidence. `is_overdue`
    returns True if an update with a single candidate is overdue.
    """
    first_failure: HeldUpdate | RefusedUpdate | None = None
    for candidate in update.candidates:
        candidate_evidence = evidence[build_transition(update, candidate)]
        if candidate.matures_at is not None and not _is_urgent(update, candidate_evidence):
            if _is_urgency_unknown(update, candidate_evidence):
                return UnresolvedReference(update.tracked_image, Reason.LISTS_UNREAD, _LIST_UNREAD)
            continue
        gate_result = _check_candidate(
            replace(update, candidates=(candidate,)),
            candidate_evidence,
            now,
            is_overdue,
            can_show_details=not (is_public and candidate_evidence.is_private),
        )
        if isinstance(gate_result, UnresolvedReference) and update.block is not None:
            detail = f"whether a replacement passes the gates is not known: {gate_result.detail}"
            return BlockedReference(update.tracked_image, update.block, detail, is_certain=False)
        if isinstance(gate_result, ImageUpdate | UnresolvedReference):
            return gate_result
        first_failure = first_failure or gate_result
    return first_failure or _build_too_young_hold(update, update.candidates[0])


def _check_candidate(
    update: ImageUpdate,
    evidence: Evidence,
    now: datetime,
    is_overdue: Callable[[ImageUpdate], bool],
    *,
    can_show_details: bool,
) -> ImageUpdate | HeldUpdate | RefusedUpdate | UnresolvedReference:
    """Check the single candidate of an update.

    - If the candidate passes, return the update. It may have new notes, or a new reason to review it. If it adds grave
      vulnerabilities without a limit and does not fix as many, it has an `AddedRisk`.
    - If the candidate fails, return a `RefusedUpdate` or `HeldUpdate`.
    - If a registry or a vulnerability list that the check needs could not be read, return an `UnresolvedReference`.

    If `can_show_details` is False, the reasons in the result contain no details of private evidence.
    """
    policy = update.tracked_image.policy
    rejection = check_signatures(evidence.signatures, is_required=policy.require.signature)
    if rejection is not None and rejection.is_unknown:
        return UnresolvedReference(update.tracked_image, rejection.reason, rejection.detail)
    if rejection is not None:
        return RefusedUpdate(update, rejection.reason, rejection.detail)
    limit_exceeded = find_exceeded_limit(evidence, policy.allow_introduced)
    if limit_exceeded is not None and limit_exceeded.is_old_image_worse:
        without_numbers = _describe_without_numbers(Reason.INTRODUCED)
        update = _add_review_reason(
            update,
            str(limit_exceeded) if can_show_details else f"{without_numbers}; the pinned image is worse",
            fact=limit_exceeded.fact if can_show_details else f"{without_numbers}; staying is worse",
        )
    for reason, detail in _list_objections(evidence, policy, limit_exceeded):
        why = detail if can_show_details or reason not in _PUBLIC_DETAILS else _describe_without_numbers(reason)
        accepted = describe_acceptance(update.tracked_image, reason, why, now)
        if accepted:
            update = _add_candidate_note(update, accepted)
        elif reason is Reason.INTRODUCED and _is_list_unread(AdvisoryList.VEX, evidence):
            return UnresolvedReference(
                update.tracked_image, Reason.LISTS_UNREAD, f"{why}; whether anybody answers for that is not known"
            )
        elif update.cause is UpdateCause.MOVED or reason in _ALWAYS_REFUSED:
            return (
                HeldUpdate(update.tracked_image, reason, why)
                if reason.facts.status is ReferenceStatus.HELD
                else RefusedUpdate(update, reason, why)
            )
        elif reason is Reason.DOWNGRADE and update.candidates[0].goes_back:
            update = _add_candidate_note(
                update, f"It goes back to an older image, because newer ones are blocked: {why}."
            )
        elif reason is Reason.DOWNGRADE:  # the pinned digest cannot stay, so a maintainer has to review the update
            update = _add_review_reason(update, f"it looks like a rollback: {why}")
    update = replace(update, added_risk=find_added_risk(evidence, policy.allow_introduced))
    return hold_if_failing(update, evidence, now, is_overdue=is_overdue(update))


_PUBLIC_DETAILS = {
    Reason.INTRODUCED: "it brings more vulnerabilities than a rule allows",
    Reason.DOWNGRADE: "packages in it are older than in the one in the file",
}
"""A detail without private evidence, for each reason whose normal detail can be private."""
_ALWAYS_REFUSED = frozenset({Reason.NOT_SCANNED, Reason.INTRODUCED})
"""Reasons that refuse even the replacement of a digest that is gone or withdrawn.

Reasons that concern the age of an image are not among them, because the replacement of such a digest is expected to be
older.
"""


def _describe_without_numbers(reason: Reason) -> str:
    return f"{_PUBLIC_DETAILS[reason]} ({private_evidence.WITHHELD_REASON})"


def _list_objections(
    evidence: Evidence, policy: Policy, limit_exceeded: LimitExceeded | None
) -> Iterator[tuple[Reason, str]]:
    """Yield each reason not to propose an update, with its detail. Owners can accept these reasons in the policy.

    `limit_exceeded` is the limit for introduced vulnerabilities that the update exceeds; None if it exceeds none.
    """
    if policy.require.scan and isinstance(evidence.new, NotScanned):
        yield Reason.NOT_SCANNED, evidence.new.reason.sentence
    rollback_detail = describe_rollback(evidence)
    if rollback_detail:  # the rollback comes first, because it explains the vulnerabilities that it introduces
        yield Reason.DOWNGRADE, rollback_detail
    if limit_exceeded is not None and not limit_exceeded.is_old_image_worse:
        yield Reason.INTRODUCED, str(limit_exceeded)
    older_version_detail = next(filter(None, map(_describe_older_version, list_checked_evidence(evidence))), "")
    if older_version_detail:
        yield Reason.OLDER, older_version_detail


def _describe_older_version(evidence: Evidence) -> str:
    """Return an explanation if the new image states a lower version than the old image; otherwise empty.

    The versions are labels of the images, as reported by the scanner.
    """
    if not isinstance(evidence.old, Scan) or not isinstance(evidence.new, Scan):
        return ""
    before, after = evidence.old.version or "", evidence.new.version or ""
    return f"it states version {after}, the one in the file {before}" if is_lower_version(after, before) else ""


_LIST_UNREAD = "it is too young, and whether it fixes something that is known to be exploited is not known"


def _is_urgency_unknown(update: ImageUpdate, evidence: Evidence) -> bool:
    """Return True if it is unknown whether an update is urgent, because the KEV list was not read.

    The KEV list contains vulnerabilities that are known to be exploited. Return False if the list is not needed,
    because the policy does not exempt these vulnerabilities from the minimum age, or the update fixes no vulnerability
    at all.
    """
    depends_on_list = AdvisoryList.KEV in update.tracked_image.policy.bypass_min_age_for and _is_list_unread(
        AdvisoryList.KEV, evidence
    )
    return depends_on_list and evidence.delta is not None and bool(evidence.delta.fixed)


def _is_list_unread(listing: AdvisoryList, evidence: Evidence) -> bool:
    return evidence.list_versions is not None and listing in evidence.list_versions.unread_lists


def _is_urgent(update: ImageUpdate, evidence: Evidence) -> bool:
    """Return True if an update fixes a vulnerability that the policy exempts from the minimum age.

    `evidence` is the evidence for one candidate of the update.
    """
    fixed = evidence.delta.fixed if evidence.delta is not None else ()
    urgent = update.tracked_image.policy.bypass_min_age_for
    if AdvisoryList.KEV in urgent and has_fix_for(evidence, AdvisoryList.KEV):
        return True
    return any(finding.severity in urgent for finding in fixed)


def _build_too_young_hold(update: ImageUpdate, newest: UpdateCandidate) -> HeldUpdate:
    why = f"{shorten_digest(newest.digest)} will be old enough on {newest.matures_at:%Y-%m-%d}"
    return HeldUpdate(update.tracked_image, Reason.TOO_YOUNG, f"{why}, and fixes nothing that must not wait")


def _add_candidate_note(update: ImageUpdate, note: str) -> ImageUpdate:
    """Return the update with `note` added to its first candidate.

    A note that the candidate already has is not repeated.
    """
    first, *others = update.candidates
    notes = tuple(dict.fromkeys((*first.notes, note)))
    return replace(update, candidates=(replace(first, notes=notes), *others))


def _add_review_reason(update: ImageUpdate, why: str, *, fact: str | None = None) -> ImageUpdate:
    """Return the update with `why` added to the reasons that a maintainer should review it.

    If `why` is already among these reasons, return the update unchanged. `fact` replaces the words of the reason in
    fingerprints; None to use the words themselves.
    """
    sentence, stated = (f"{each[0].upper()}{each[1:]}." for each in (why, fact or why))
    if sentence in update.review_reason:
        return update
    return replace(
        update,
        review_reason=f"{update.review_reason} {sentence}".strip(),
        review_facts=f"{update.review_facts} {stated}".strip(),
    )
