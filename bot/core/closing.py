"""Closing what a file leaves open, and opening what a rule allows."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from bot.model.found import Places
from bot.model.source import Closed, Occurrence, Slot
from bot.model.vocabulary import ALLOWABLE, Reason


def close(occurrence: Occurrence, reason: Reason, *, is_certain: bool = True) -> Occurrence:
    """Return `occurrence` with nothing to be written, unless a rule allows what `reason` warns of.

    What nothing can open stays closed for the reason it has.
    """
    digest, tag = (_closed(slot, reason, is_certain=is_certain) for slot in (occurrence.digest, occurrence.tag))
    return replace(occurrence, digest=digest, tag=tag)


def close_where(places: Places, reason: Reason, is_meant: Callable[[Occurrence], bool]) -> Places:
    """Return `places` with every occurrence closed that `is_meant` by what a remark says."""
    return tuple(
        close(place, reason) if isinstance(place, Occurrence) and is_meant(place) else place for place in places
    )


def allow(occurrence: Occurrence, reasons: Collection[Reason]) -> Occurrence:
    """Return `occurrence` with what is closed for one of `reasons` opened."""
    return replace(occurrence, digest=_allowed(occurrence.digest, reasons), tag=_allowed(occurrence.tag, reasons))


def _closed(slot: Slot | Closed, reason: Reason, *, is_certain: bool) -> Closed:
    if isinstance(slot, Slot):
        return Closed(reason, slot if reason in ALLOWABLE else None, is_certain)
    return slot if slot.slot is None or reason in ALLOWABLE else Closed(reason)


def _allowed(slot: Slot | Closed, reasons: Collection[Reason]) -> Slot | Closed:
    return slot.slot if isinstance(slot, Closed) and slot.slot is not None and slot.reason in reasons else slot
