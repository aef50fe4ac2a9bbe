"""Notes: sentences on what else bears on a place."""

from __future__ import annotations

from dataclasses import replace

from bot.model.decision import Selected


def noted(selected: Selected, note: str) -> Selected:
    """Return the place with one more note, unless it is empty."""
    if not note:
        return selected
    place = selected.occurrence
    return replace(selected, occurrence=replace(place, notes=(*place.notes, note)))
