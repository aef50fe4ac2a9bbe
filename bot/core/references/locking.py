"""Locking and unlocking of edit slots, by facts from other files and by rules."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from bot.model.extracted_item import ExtractedReferences
from bot.model.source import EditSlot, NotEditable, Occurrence
from bot.model.vocabulary import ALLOWABLE_REASONS, Reason

_WARNINGS = frozenset(ALLOWABLE_REASONS) - {Reason.OTHER_WRITER}
"""Reasons that a rule can override. `other-writer` is not among them, because a tool that a file names as the writer of
a reference keeps writing it. Only bots that search a repository on their own can be told to skip a reference; for those
see `assign_to_other_bot`."""


def lock_occurrence(occurrence: Occurrence, reason: Reason, *, is_certain: bool = True) -> Occurrence:
    """Return `occurrence` with locked slots; if `reason` is a warning, a rule can unlock them.

    A slot that no rule can unlock keeps its reason.
    """
    digest, tag = (
        _lock_slot(slot, reason, is_certain=is_certain) for slot in (occurrence.digest_slot, occurrence.tag_slot)
    )
    return replace(occurrence, digest_slot=digest, tag_slot=tag)


def assign_to_other_bot(occurrence: Occurrence, bot: str, told_by: str) -> Occurrence:
    """Return `occurrence` as one that another bot updates, unless a rule allows `other-writer`.

    This reason precedes all other warnings that a rule has to allow. Slots that no rule can unlock stay unchanged.
    `told_by` is the config file that makes `bot` update the reference.
    """
    digest, tag = map(_assign_slot, (occurrence.digest_slot, occurrence.tag_slot))
    if (digest, tag) == (occurrence.digest_slot, occurrence.tag_slot):
        return occurrence
    note = f"{told_by} has {bot} move it; with `allow: [other-writer]` basebump may, too"
    return replace(occurrence, digest_slot=digest, tag_slot=tag, notes=(*occurrence.notes, note))


def lock_where(
    references: ExtractedReferences, reason: Reason, should_lock: Callable[[Occurrence], bool]
) -> ExtractedReferences:
    """Return `references` with all occurrences locked for which `should_lock` is true."""
    return tuple(
        lock_occurrence(place, reason) if isinstance(place, Occurrence) and should_lock(place) else place
        for place in references
    )


def unlock_allowed(occurrence: Occurrence, reasons: Collection[Reason]) -> Occurrence:
    """Return `occurrence` with its slots unlocked if `reasons` cover all their warnings."""
    return replace(
        occurrence,
        digest_slot=_unlock_slot(occurrence.digest_slot, reasons),
        tag_slot=_unlock_slot(occurrence.tag_slot, reasons),
    )


def _lock_slot(slot: EditSlot | NotEditable, reason: Reason, *, is_certain: bool) -> NotEditable:
    is_warning = reason in _WARNINGS
    if isinstance(slot, EditSlot):
        return NotEditable(reason, slot if is_warning else None, is_certain)
    return slot if slot.slot is None or is_warning else NotEditable(reason)


def _assign_slot(slot: EditSlot | NotEditable) -> EditSlot | NotEditable:
    if isinstance(slot, EditSlot):
        return NotEditable(Reason.OTHER_WRITER, slot)
    if slot.slot is None or Reason.OTHER_WRITER in _list_warnings(slot):
        return slot
    return NotEditable(Reason.OTHER_WRITER, slot.slot, slot.is_certain, _list_warnings(slot))


def _unlock_slot(slot: EditSlot | NotEditable, reasons: Collection[Reason]) -> EditSlot | NotEditable:
    if isinstance(slot, EditSlot) or slot.slot is None:
        return slot
    remaining = [reason for reason in _list_warnings(slot) if reason not in reasons]
    return NotEditable(remaining[0], slot.slot, slot.is_certain, tuple(remaining[1:])) if remaining else slot.slot


def _list_warnings(not_editable: NotEditable) -> tuple[Reason, ...]:
    return (not_editable.reason, *not_editable.further_reasons)
