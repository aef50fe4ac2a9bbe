"""The `open_when` condition of policies, which delays proposals until their updates are important enough.

For example, a proposal can wait until an update fixes an exploited vulnerability. The condition has no effect on
proposals that are already open.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from bot.core.evidence.compare import has_fix_for
from bot.model.advisory import AdvisoryList
from bot.model.decision import ImageUpdate, UpdateCause
from bot.model.evidence import Evidence, NotScanned, Scan
from bot.model.modes import WhenUnknown
from bot.model.rules import OpenCondition

NEVER = datetime.max.replace(tzinfo=UTC)


def compute_opening_time(updates: Iterable[tuple[ImageUpdate, Evidence]]) -> datetime | None:
    """Return the earliest time at which `open_when` allows opening a proposal with these updates.

    An update meets its condition if it fixes a vulnerability that the condition names, or as soon as the image in use
    reaches the age `or_older_than`. One update that meets its condition is enough.

    Return None if the proposal may be opened now. Return NEVER if no update meets its condition, and none will meet it
    by age, because no age is given or the build time of the image is unknown.
    """
    return min(
        (_compute_update_opening_time(update, evidence) for update, evidence in updates),
        key=_get_time_or_minimum,
        default=None,
    )


def is_awaiting_evidence(updates: Iterable[tuple[ImageUpdate, Evidence]]) -> bool:
    """Return True if a proposal must wait because a scan or the list of exploited vulnerabilities is missing.

    The key `when_unknown` of the policy determines whether a proposal waits for such missing evidence.
    """
    return any(_is_update_awaiting_evidence(update, evidence) for update, evidence in updates)


def _get_time_or_minimum(at: datetime | None) -> datetime:
    return at or datetime.min.replace(tzinfo=UTC)


def _compute_update_opening_time(update: ImageUpdate, evidence: Evidence) -> datetime | None:
    """Return the time at which an update meets its `open_when` condition, or None if it does not have to wait.

    - If the update has no condition, meets it already, or replaces a withdrawn or missing digest, the result is None.
    - If the vulnerabilities of the two images could not be compared, the result is None, because `is_awaiting_evidence`
      decides whether to wait.
    - If the condition does not depend on the age of the image in use, or if this age is unknown, the result is NEVER.
    """
    condition = update.tracked_image.policy.open_when
    if condition is None or evidence.delta is None or update.cause is not UpdateCause.MOVED:
        return None
    if has_fix_for(evidence, condition.fixes):
        return None
    if _is_list_unknown(update, evidence) and update.tracked_image.policy.when_unknown is WhenUnknown.OPEN:
        return None
    return _compute_expiry(condition, evidence) or NEVER


def _compute_expiry(condition: OpenCondition, evidence: Evidence) -> datetime | None:
    """Return the time at which the image in use is so old that its update is proposed even if it fixes nothing.

    Return None if the policy does not contain such an age (`or_older_than`), or if the build time of the image is
    unknown.
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
    unknown = [each for each in (evidence.old, evidence.new) if isinstance(each, NotScanned)]
    match update.tracked_image.policy.when_unknown:
        case WhenUnknown.OPEN:
            return False
        case WhenUnknown.HOLD:
            return bool(unknown)
        case None:
            return any(each.is_temporary for each in unknown)


def _is_list_unknown(update: ImageUpdate, evidence: Evidence) -> bool:
    """Return True if the `open_when` condition needs the list of exploited vulnerabilities (KEV), which was not read.

    Return False if the update fixes no vulnerabilities, because the list is not needed for such an update.
    """
    condition = update.tracked_image.policy.open_when
    if condition is None or condition.fixes is not AdvisoryList.KEV or evidence.delta is None:
        return False
    return bool(evidence.delta.fixed) and evidence.exploited_ids is None
