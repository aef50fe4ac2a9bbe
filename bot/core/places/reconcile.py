"""Conflicts between image references that share bytes: such references are updated together or not at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from bot.model.decision import Decision, ImageUpdate, SkippedReference
from bot.model.reference import Digest
from bot.model.source import EditSlot, FilePath, Occurrence, Span
from bot.model.vocabulary import Reason

_Bytes = tuple[FilePath, Span]


def reconcile(decisions: Sequence[Decision]) -> tuple[Decision, ...]:
    """Skip each update whose bytes another reference has to keep, or has to update to another digest."""
    wanted: dict[_Bytes, set[Digest | None]] = defaultdict(set)
    for decision in decisions:
        place = _bytes_of(decision.occurrence)
        if place is not None:
            wanted[place].add(decision.candidates[0].digest if isinstance(decision, ImageUpdate) else None)
    return tuple(_settle(decision, wanted) for decision in decisions)


def shares_with_others(decisions: Sequence[Decision]) -> frozenset[Occurrence]:
    """Return the references whose bytes a skipped reference keeps, independent of any registry's answer."""
    kept = {_bytes_of(each.occurrence) for each in decisions if isinstance(each, SkippedReference)} - {None}
    return frozenset(
        each.occurrence
        for each in decisions
        if not isinstance(each, SkippedReference) and _bytes_of(each.occurrence) in kept
    )


def _settle(decision: Decision, wanted: dict[_Bytes, set[Digest | None]]) -> Decision:
    place = _bytes_of(decision.occurrence)
    if isinstance(decision, ImageUpdate) and place is not None and len(wanted[place]) > 1:
        return SkippedReference(decision.occurrence, Reason.CONFLICTING_EDITS, decision.tracked_image)
    return decision


def _bytes_of(occurrence: Occurrence) -> _Bytes | None:
    return (occurrence.path, occurrence.digest_slot.span) if isinstance(occurrence.digest_slot, EditSlot) else None
