"""Hold updates to digests that fail CI in other repositories of the fleet."""

from __future__ import annotations

from datetime import datetime

from bot.core.choice.holds import describe_acceptance
from bot.core.evidence.compare import has_fix_for
from bot.core.evidence.review_reasons import add_candidate_note, add_review_reason
from bot.core.transition import shorten_digest
from bot.model.advisory import AdvisoryList
from bot.model.ci import FleetOutcome
from bot.model.decision import HeldUpdate, ImageUpdate, UpdateCause
from bot.model.evidence import Evidence
from bot.model.vocabulary import Reason


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
        return add_candidate_note(update, accepted)
    detail = f"CI fails with {digest} {describe_failures(outcome)}"
    is_urgent = is_overdue or has_fix_for(evidence, AdvisoryList.KEV) or update.cause is not UpdateCause.MOVED
    if not is_urgent:
        return HeldUpdate(update.tracked_image, Reason.FAILING_ELSEWHERE, detail)
    return add_review_reason(update, detail, fact=fact)


def describe_failures(outcome: FleetOutcome) -> str:
    """Return in how many repositories CI failed, and in how many of them the digest may be the reason."""
    failed = f"in {outcome.failed} of {outcome.finished} repositories of this fleet"
    where = "there" if outcome.broken == outcome.failed else f"in {outcome.broken} of these {outcome.failed}"
    return f"{failed}, and passes {where} without this digest"
