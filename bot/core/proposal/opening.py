"""The `open_when` condition of policies, which delays proposals until their updates are important enough.

Proposals that are already open are not considered here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from bot.core.evidence.compare import has_fix_for
from bot.model.advisory import AdvisoryList
from bot.model.decision import ImageUpdate, UpdateCause
from bot.model.evidence import Evidence, NotScanned, Scan, UnscannedReason
from bot.model.modes import WhenUnknown
from bot.model.rules import OpenCondition

NEVER = datetime.max.replace(tzinfo=UTC)

_TEMPORARY_REASONS = frozenset(
    {
        UnscannedReason.SCANNER_MISSING,
        UnscannedReason.FAILED,
        UnscannedReason.TIMED_OUT,
        UnscannedReason.DATABASE_STALE,
        UnscannedReason.DIFFERENT_DATABASE,
    }
)
"""Reasons that may no longer apply in the next run, in contrast to an operating system that no scanner supports."""


def compute_opening_time(updates: Iterable[tuple[ImageUpdate, Evidence]]) -> datetime | None:
    """Return the time from which a proposal may be opened according to `open_when`, or None if it may be opened now.

    One update that meets its condition is enough for the whole proposal. The result is NEVER if no update will meet it.
    """
    return min(
        (_compute_update_opening_time(update, evidence) for update, evidence in updates),
        key=_get_time_or_minimum,
        default=None,
    )


def is_awaiting_evidence(updates: Iterable[tuple[ImageUpdate, Evidence]]) -> bool:
    """Return True if a proposal must wait because evidence is missing.

    Missing evidence is a scan that failed, or the list of exploited vulnerabilities if it could not be read. The key
    `when_unknown` of the policy determines whether a proposal waits for it.
    """
    return any(_is_update_awaiting_evidence(update, evidence) for update, evidence in updates)


def _get_time_or_minimum(at: datetime | None) -> datetime:
    return at or datetime.min.replace(tzinfo=UTC)


def _compute_update_opening_time(update: ImageUpdate, evidence: Evidence) -> datetime | None:
    """Return the time from which one update meets its `open_when` condition, or None if it meets the condition now.

    An update that has no condition, or that replaces a withdrawn or missing digest, meets it. If the vulnerabilities of
    the images were not compared, the result is None as well, because `is_awaiting_evidence` decides about such updates.
    """
    condition = update.tracked_image.policy.open_when
    if condition is None or evidence.delta is None or update.cause is not UpdateCause.MOVED:
        return None
    if has_fix_for(evidence, condition.must_fix):
        return None
    if _is_list_unknown(update, evidence) and update.tracked_image.policy.when_unknown is WhenUnknown.OPEN:
        return None
    return _compute_expiry(condition, evidence) or NEVER


def _compute_expiry(condition: OpenCondition, evidence: Evidence) -> datetime | None:
    """Return when the image in use becomes so old that its update is proposed even without fixes.

    Return None if the policy sets no such age (`or_older_than`), or if the build time of the image is unknown.
    """
    built_at = evidence.old.created if isinstance(evidence.old, Scan) else None
    return built_at + condition.or_older_than if built_at is not None and condition.or_older_than is not None else None


def _is_update_awaiting_evidence(update: ImageUpdate, evidence: Evidence) -> bool:
    if update.cause is not UpdateCause.MOVED:
        return False
    condition = update.tracked_image.policy.open_when
    if condition is not None and _is_list_unknown(update, evidence):
        has_expiry = _compute_expiry(condition, evidence) is not None
        return not has_expiry and update.tracked_image.policy.when_unknown is not WhenUnknown.OPEN
    unknown = {each.reason for each in (evidence.old, evidence.new) if isinstance(each, NotScanned)}
    match update.tracked_image.policy.when_unknown:
        case WhenUnknown.OPEN:
            return False
        case WhenUnknown.HOLD:
            return bool(unknown)
        case None:
            return not unknown.isdisjoint(_TEMPORARY_REASONS)


def _is_list_unknown(update: ImageUpdate, evidence: Evidence) -> bool:
    """Return True if the condition needs the list of exploited vulnerabilities (KEV), but this list could not be read.

    If the update fixes no vulnerabilities at all, the list is not needed.
    """
    condition = update.tracked_image.policy.open_when
    if condition is None or condition.must_fix is not AdvisoryList.KEV or evidence.delta is None:
        return False
    return bool(evidence.delta.fixed) and evidence.exploited_ids is None
