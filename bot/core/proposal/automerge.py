"""Merging without people: whether what a policy asks for is known to hold."""

from __future__ import annotations

from bot.core.choice.tags import reaches
from bot.model.decision import Update
from bot.model.evidence import Evidence, NotScanned, Scan
from bot.model.rules import Automerge


def may_merge(update: Update, evidence: Evidence) -> bool:
    """Say whether the forge may merge an update by itself; what is unknown never speaks for it."""
    wanted = update.selected.policy.automerge
    return wanted is not None and _is_near(update, wanted) and _is_harmless(evidence, wanted)


def is_merge_unknown(update: Update, evidence: Evidence) -> bool:
    """Say whether nothing but what could not be scanned speaks against that."""
    wanted = update.selected.policy.automerge
    is_unknown = any(isinstance(outcome, NotScanned) for outcome in (evidence.old, evidence.new))
    return wanted is not None and _is_near(update, wanted) and is_unknown


def _is_near(update: Update, wanted: Automerge) -> bool:
    goal = update.candidates[0].tag or update.selected.line.tag
    return reaches(update.selected.line.tag, goal, wanted.max_update)


def _is_harmless(evidence: Evidence, wanted: Automerge) -> bool:
    if wanted.require_scan and not isinstance(evidence.new, Scan):
        return False
    return not wanted.no_new or (evidence.delta is not None and not evidence.delta.introduced)
