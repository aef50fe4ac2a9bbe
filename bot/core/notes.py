"""Notes: sentences on what else bears on a place."""

from __future__ import annotations

from dataclasses import replace

from bot.model.decision import Selected
from bot.model.source import Occurrence

MAX_NOTE = 300
"""Characters of a note that are shown: a path and a sentence."""


def with_notes(place: Occurrence, *notes: str) -> Occurrence:
    """Return the place with more notes, of which empty ones are left out."""
    more = tuple(filter(None, notes))
    return replace(place, notes=(*place.notes, *more)) if more else place


def noted(selected: Selected, note: str) -> Selected:
    """Return the place with one more note about its image, unless that is empty."""
    return replace(selected, notes=(*selected.notes, note)) if note else selected
