"""Notes: sentences on what else bears on a place."""

from __future__ import annotations

from dataclasses import replace

from bot.model.decision import Selected
from bot.model.source import Occurrence


def with_note(place: Occurrence, note: str) -> Occurrence:
    """Return the place with one more note, unless it is empty."""
    return replace(place, notes=(*place.notes, note)) if note else place


def noted(selected: Selected, note: str) -> Selected:
    """Return the place with one more note, unless it is empty."""
    return replace(selected, occurrence=with_note(selected.occurrence, note)) if note else selected
