"""Automerge: whether an update is known to meet the conditions of the policy."""

from __future__ import annotations

from bot.core.choice.tags import is_within_mode
from bot.core.evidence.private_evidence import WITHHELD_SCAN
from bot.model.decision import ImageUpdate
from bot.model.evidence import Evidence, NotScanned, Scan
from bot.model.modes import AutomergeLimit, UpdateMode
from bot.model.rules import AutomergeConditions


def can_automerge(update: ImageUpdate, evidence: Evidence) -> bool:
    """Return True if the policy allows the forge to merge an update without a maintainer.

    The key `automerge` of the policy limits how much the tag may change (`max_update`). It can also require that the
    new image was scanned, or that the update introduces no vulnerabilities. If such a requirement cannot be checked
    because a scan is missing, return False.
    """
    conditions = update.tracked_image.policy.automerge
    return conditions is not None and _is_within_max_update(update, conditions) and _is_harmless(evidence, conditions)


def is_automerge_configured(update: ImageUpdate) -> bool:
    """Return True if the policy allows automerge for some updates of the image."""
    conditions = update.tracked_image.policy.automerge
    return conditions is not None and conditions.max_update is not AutomergeLimit.NONE


def describe_automerge_refusal(update: ImageUpdate, evidence: Evidence) -> str:
    """Return why an update is not merged automatically, as the end of a sentence.

    Empty if it can be, or if automerge is not configured. `evidence` is what readers may see.
    """
    conditions = update.tracked_image.policy.automerge
    if conditions is None or not is_automerge_configured(update) or can_automerge(update, evidence):
        return ""
    if not _is_within_max_update(update, conditions):
        if conditions.max_update is AutomergeLimit.DIGEST:
            return "an update to another tag needs a person"
        return f"an update beyond {conditions.max_update} needs a person"
    if WITHHELD_SCAN in (evidence.old, evidence.new):
        return "the findings are private"
    if conditions.require_scan and not isinstance(evidence.new, Scan):
        return "the new image was not scanned"
    if evidence.delta is None:
        return "no old image could be compared"
    return "it adds vulnerabilities"


def is_automerge_unknown(update: ImageUpdate, evidence: Evidence) -> bool:
    """Return True if the policy allows automerge for this change of the tag, but an image was not scanned.

    The unscanned image can be the old or the new one. If the result is True, `can_automerge` may return False only
    because of the missing scan.
    """
    conditions = update.tracked_image.policy.automerge
    is_unknown = any(isinstance(outcome, NotScanned) for outcome in (evidence.old, evidence.new))
    return conditions is not None and _is_within_max_update(update, conditions) and is_unknown


def _is_within_max_update(update: ImageUpdate, conditions: AutomergeConditions) -> bool:
    if conditions.max_update is AutomergeLimit.NONE:
        return False
    new_tag = update.candidates[0].tag or update.tracked_image.tag_ref.tag
    return is_within_mode(update.tracked_image.tag_ref.tag, new_tag, UpdateMode(conditions.max_update))


def _is_harmless(evidence: Evidence, conditions: AutomergeConditions) -> bool:
    if conditions.require_scan and not isinstance(evidence.new, Scan):
        return False
    return not conditions.no_new or (evidence.delta is not None and not evidence.delta.introduced)
