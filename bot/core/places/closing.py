"""Locking and unlocking of edit slots, by facts from other files and by rules."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from bot.model.found import Places
from bot.model.source import Closed, Occurrence, Slot
from bot.model.vocabulary import ALLOWABLE, Reason

_WARNINGS = frozenset(ALLOWABLE) - {Reason.OTHER_WRITER}
"""Reasons that a rule can override. `other-writer` is not among them, because a tool that a file names as the writer of
a reference keeps writing it. Only bots that search a repository on their own can be told to skip a reference; for those
see `assign_to_other_bot`."""


def close(occurrence: Occurrence, reason: Reason, *, is_certain: bool = True) -> Occurrence:
    """Return `occurrence` with locked slots; if `reason` is a warning, a rule can unlock them.

    A slot that no rule can unlock keeps its reason.
    """
    digest, tag = (_closed(slot, reason, is_certain=is_certain) for slot in (occurrence.digest, occurrence.tag))
    return replace(occurrence, digest=digest, tag=tag)


def leave_to_other(occurrence: Occurrence, bot: str, told_by: str) -> Occurrence:
    """Return `occurrence` as one that another bot updates, unless a rule allows `other-writer`.

    This reason precedes all other warnings that a rule has to allow. Slots that no rule can unlock stay unchanged.
    `told_by` is the config file that makes `bot` update the reference.
    """
    digest, tag = map(_left, (occurrence.digest, occurrence.tag))
    if (digest, tag) == (occurrence.digest, occurrence.tag):
        return occurrence
    note = f"{told_by} has {bot} move it; with `allow: [other-writer]` basebump may, too"
    return replace(occurrence, digest=digest, tag=tag, notes=(*occurrence.notes, note))


def close_where(places: Places, reason: Reason, is_meant: Callable[[Occurrence], bool]) -> Places:
    """Return `places` with all occurrences locked for which `should_lock` is true."""
    return tuple(
        close(place, reason) if isinstance(place, Occurrence) and is_meant(place) else place for place in places
    )


def allow(occurrence: Occurrence, reasons: Collection[Reason]) -> Occurrence:
    """Return `occurrence` with its slots unlocked if `reasons` cover all their warnings."""
    return replace(occurrence, digest=_allowed(occurrence.digest, reasons), tag=_allowed(occurrence.tag, reasons))


def _closed(slot: Slot | Closed, reason: Reason, *, is_certain: bool) -> Closed:
    is_warning = reason in _WARNINGS
    if isinstance(slot, Slot):
        return Closed(reason, slot if is_warning else None, is_certain)
    return slot if slot.slot is None or is_warning else Closed(reason)


def _left(slot: Slot | Closed) -> Slot | Closed:
    if isinstance(slot, Slot):
        return Closed(Reason.OTHER_WRITER, slot)
    if slot.slot is None or Reason.OTHER_WRITER in _warnings(slot):
        return slot
    return Closed(Reason.OTHER_WRITER, slot.slot, slot.is_certain, _warnings(slot))


def _allowed(slot: Slot | Closed, reasons: Collection[Reason]) -> Slot | Closed:
    if isinstance(slot, Slot) or slot.slot is None:
        return slot
    left = [reason for reason in _warnings(slot) if reason not in reasons]
    return Closed(left[0], slot.slot, slot.is_certain, tuple(left[1:])) if left else slot.slot


def _warnings(closed: Closed) -> tuple[Reason, ...]:
    return (closed.reason, *closed.also)
