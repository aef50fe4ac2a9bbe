"""Whether an update is worth opening a proposal for, now or later; what is open already is another matter."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from bot.core.evidence.compare import fixes
from bot.model.advisory import Listing
from bot.model.decision import Cause, Update
from bot.model.evidence import Evidence, NotScanned, Scan, Unscanned
from bot.model.modes import WhenUnknown
from bot.model.rules import OpenWhen

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
    if fixes(evidence, wanted.fixes):
        return None
    if _is_list_unknown(update, evidence) and update.selected.policy.when_unknown is WhenUnknown.OPEN:
        return None
    return _too_old_at(wanted, evidence) or NEVER


def _too_old_at(wanted: OpenWhen, evidence: Evidence) -> datetime | None:
    """Return when what is in use becomes too old whatever replacing it fixes; None where no rule or nobody says."""
    built = evidence.old.created if isinstance(evidence.old, Scan) else None
    return built + wanted.or_older_than if built is not None and wanted.or_older_than is not None else None


def _is_unproven(update: Update, evidence: Evidence) -> bool:
    if update.cause is not Cause.MOVED:
        return False
    wanted = update.selected.policy.open_when
    if wanted is not None and _is_list_unknown(update, evidence):
        ends = _too_old_at(wanted, evidence) is not None
        return not ends and update.selected.policy.when_unknown is not WhenUnknown.OPEN
    unknown = {each.why for each in (evidence.old, evidence.new) if isinstance(each, NotScanned)}
    match update.selected.policy.when_unknown:
        case WhenUnknown.OPEN:
            return False
        case WhenUnknown.HOLD:
            return bool(unknown)
        case None:
            return not unknown.isdisjoint(_PASSING)


def _is_list_unknown(update: Update, evidence: Evidence) -> bool:
    """Say whether all depends on whether something that is fixed is exploited, and the list could not be asked."""
    wanted = update.selected.policy.open_when
    if wanted is None or wanted.fixes is not Listing.KEV or evidence.delta is None:
        return False
    return bool(evidence.delta.fixed) and evidence.known_exploited is None
