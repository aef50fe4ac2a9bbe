"""Closing what a file leaves open, and opening what a rule allows."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from bot.model.found import Places
from bot.model.source import Closed, Occurrence, Slot
from bot.model.vocabulary import ALLOWABLE, Reason

_WARNINGS = frozenset(ALLOWABLE) - {Reason.OTHER_WRITER}
"""What is closed for one of them, a rule can open. A tool that a file names as the writer of a place stays that: only
bots that search a repository by themselves can be told to pass over a place (`leave_to_other`)."""


def close(occurrence: Occurrence, reason: Reason, *, is_certain: bool = True) -> Occurrence:
    """Return `occurrence` with nothing to be written, unless a rule allows what `reason` warns of.

    What nothing can open stays closed for the reason it has.
    """
    digest, tag = (_closed(slot, reason, is_certain=is_certain) for slot in (occurrence.digest, occurrence.tag))
    return replace(occurrence, digest=digest, tag=tag)


def leave_to_other(occurrence: Occurrence, bot: str, told_by: str) -> Occurrence:
    """Return `occurrence` as what another bot moves, until a rule allows `other-writer`; what is closed for good stays.

    Whatever else a rule has to allow for a place, this comes first. `told_by` is the config that has `bot` move it.
    """
    digest, tag = map(_left, (occurrence.digest, occurrence.tag))
    if (digest, tag) == (occurrence.digest, occurrence.tag):
        return occurrence
    note = f"{told_by} has {bot} move it; with `allow: [other-writer]` basebump may, too"
    return replace(occurrence, digest=digest, tag=tag, notes=(*occurrence.notes, note))


def close_where(places: Places, reason: Reason, is_meant: Callable[[Occurrence], bool]) -> Places:
    """Return `places` with every occurrence closed that `is_meant` by what a remark says."""
    return tuple(
        close(place, reason) if isinstance(place, Occurrence) and is_meant(place) else place for place in places
    )


def allow(occurrence: Occurrence, reasons: Collection[Reason]) -> Occurrence:
    """Return `occurrence` with what is closed for one of `reasons` opened."""
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
