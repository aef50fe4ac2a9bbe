"""Whether opening a proposal is worthwhile, now or later; proposals that are already open are not considered."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from bot.core.evidence.compare import fixes
from bot.model.advisory import AdvisoryList
from bot.model.decision import ImageUpdate, UpdateCause
from bot.model.evidence import Evidence, NotScanned, Scan, UnscannedReason
from bot.model.modes import WhenUnknown
from bot.model.rules import OpenCondition

NEVER = datetime.max.replace(tzinfo=UTC)

_PASSING = frozenset(
    {
        UnscannedReason.SCANNER_MISSING,
        UnscannedReason.FAILED,
        UnscannedReason.TIMED_OUT,
        UnscannedReason.DATABASE_STALE,
        UnscannedReason.DIFFERENT_DATABASE,
    }
)
"""Reasons that may not apply in the next run, unlike an operating system that a scanner does not support."""


def opens_at(updates: Iterable[tuple[ImageUpdate, Evidence]]) -> datetime | None:
    """Return when opening a proposal becomes worthwhile, by the earliest of its updates; None for now."""
    return min((_opens_at(update, evidence) for update, evidence in updates), key=_or_now, default=None)


def is_unproven(updates: Iterable[tuple[ImageUpdate, Evidence]]) -> bool:
    """Return True if a proposal waits because the vulnerability changes of one of its updates are unknown."""
    return any(_is_unproven(update, evidence) for update, evidence in updates)


def _or_now(at: datetime | None) -> datetime:
    return at or datetime.min.replace(tzinfo=UTC)


def _opens_at(update: ImageUpdate, evidence: Evidence) -> datetime | None:
    """Return when opening becomes worthwhile; None for now, and without a comparison (see `when_unknown`)."""
    wanted = update.tracked_image.policy.open_when
    if wanted is None or evidence.delta is None or update.cause is not UpdateCause.MOVED:
        return None
    if fixes(evidence, wanted.must_fix):
        return None
    if _is_list_unknown(update, evidence) and update.tracked_image.policy.when_unknown is WhenUnknown.OPEN:
        return None
    return _too_old_at(wanted, evidence) or NEVER


def _too_old_at(wanted: OpenCondition, evidence: Evidence) -> datetime | None:
    """Return when the image in use becomes too old regardless of fixes; None without a rule or a build time."""
    built = evidence.old.created if isinstance(evidence.old, Scan) else None
    return built + wanted.or_older_than if built is not None and wanted.or_older_than is not None else None


def _is_unproven(update: ImageUpdate, evidence: Evidence) -> bool:
    if update.cause is not UpdateCause.MOVED:
        return False
    wanted = update.tracked_image.policy.open_when
    if wanted is not None and _is_list_unknown(update, evidence):
        ends = _too_old_at(wanted, evidence) is not None
        return not ends and update.tracked_image.policy.when_unknown is not WhenUnknown.OPEN
    unknown = {each.reason for each in (evidence.old, evidence.new) if isinstance(each, NotScanned)}
    match update.tracked_image.policy.when_unknown:
        case WhenUnknown.OPEN:
            return False
        case WhenUnknown.HOLD:
            return bool(unknown)
        case None:
            return not unknown.isdisjoint(_PASSING)


def _is_list_unknown(update: ImageUpdate, evidence: Evidence) -> bool:
    """Return True if opening depends on whether a fixed vulnerability is exploited, and the list could not be read."""
    wanted = update.tracked_image.policy.open_when
    if wanted is None or wanted.must_fix is not AdvisoryList.KEV or evidence.delta is None:
        return False
    return bool(evidence.delta.fixed) and evidence.exploited_ids is None
