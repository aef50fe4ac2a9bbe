"""Automerge: whether the conditions of the policy are known to be met."""

from __future__ import annotations

from bot.core.choice.tags import reaches
from bot.model.decision import ImageUpdate
from bot.model.evidence import Evidence, NotScanned, Scan
from bot.model.rules import AutomergeConditions


def may_merge(update: ImageUpdate, evidence: Evidence) -> bool:
    """Return True if the forge may merge an update automatically; unknown evidence does not meet a condition."""
    wanted = update.tracked_image.policy.automerge
    return wanted is not None and _is_near(update, wanted) and _is_harmless(evidence, wanted)


def is_merge_unknown(update: ImageUpdate, evidence: Evidence) -> bool:
    """Return True if only a missing scan prevents automerge."""
    wanted = update.tracked_image.policy.automerge
    is_unknown = any(isinstance(outcome, NotScanned) for outcome in (evidence.old, evidence.new))
    return wanted is not None and _is_near(update, wanted) and is_unknown


def _is_near(update: ImageUpdate, wanted: AutomergeConditions) -> bool:
    goal = update.candidates[0].tag or update.tracked_image.tag_ref.tag
    return reaches(update.tracked_image.tag_ref.tag, goal, wanted.max_update)


def _is_harmless(evidence: Evidence, wanted: AutomergeConditions) -> bool:
    if wanted.require_scan and not isinstance(evidence.new, Scan):
        return False
    return not wanted.forbids_introduced or (evidence.delta is not None and not evidence.delta.introduced)
