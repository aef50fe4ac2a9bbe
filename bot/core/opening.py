"""Whether an update is worth opening a proposal for, now or later; what is open already is another matter."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from bot.model.decision import Cause, Update
from bot.model.evidence import Evidence, NotScanned, Scan, Unscanned
from bot.model.modes import WhenUnknown

NEVER = datetime.max.replace(tzinfo=UTC)

_PASSING = frozenset(
    {
        Unscanned.SCANNER_MISSING,
        Unscanned.FAILED,
        Unscanned.TIMED_OUT,
        Unscanned.DATABASE_STALE,
        Unscanned.DIFFERENT_DATABASE,
    }
)
"""What another run may find otherwise. That a scanner knows nothing of an operating system stays so."""


def opens_at(updates: Iterable[tuple[Update, Evidence]]) -> datetime | None:
    """Return from when on a proposal is worth opening: as soon as any of its updates is. None is now."""
    return min((_opens_at(update, evidence) for update, evidence in updates), key=_or_now, default=None)


def is_unproven(updates: Iterable[tuple[Update, Evidence]]) -> bool:
    """Say whether a proposal waits since nobody knows what one of its updates fixes and brings."""
    return any(_is_unproven(update, evidence) for update, evidence in updates)


def _or_now(at: datetime | None) -> datetime:
    return at or datetime.min.replace(tzinfo=UTC)


def _opens_at(update: Update, evidence: Evidence) -> datetime | None:
    """Return None, too, where there is nothing to compare with: for that there is `when_unknown`."""
    wanted = update.selected.policy.open_when
    if wanted is None or evidence.delta is None or update.cause is not Cause.MOVED:
        return None
    if any(finding.severity >= wanted.fixes for finding in evidence.delta.fixed):
        return None
    built = evidence.old.created if isinstance(evidence.old, Scan) else None
    return built + wanted.or_older_than if built is not None and wanted.or_older_than is not None else NEVER


def _is_unproven(update: Update, evidence: Evidence) -> bool:
    if update.cause is not Cause.MOVED:
        return False
    unknown = {each.why for each in (evidence.old, evidence.new) if isinstance(each, NotScanned)}
    match update.selected.policy.when_unknown:
        case WhenUnknown.OPEN:
            return False
        case WhenUnknown.HOLD:
            return bool(unknown)
        case None:
            return not unknown.isdisjoint(_PASSING)
