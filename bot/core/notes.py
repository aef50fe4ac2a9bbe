"""Notes: sentences about an image reference that reports and pull requests show."""

from __future__ import annotations

from dataclasses import replace

from bot.model.decision import TrackedImage
from bot.model.source import Occurrence

MAX_NOTE_LENGTH = 300
"""Characters of a note that are shown: enough for a path and a sentence."""


def add_occurrence_notes(occurrence: Occurrence, *notes: str) -> Occurrence:
    """Return the image reference with additional notes; empty ones are left out."""
    more = tuple(filter(None, notes))
    return replace(occurrence, notes=(*occurrence.notes, *more)) if more else occurrence


def add_image_note(selected: TrackedImage, note: str) -> TrackedImage:
    """Return the selected reference with an additional note about its image, unless the note is empty."""
    return replace(selected, notes=(*selected.notes, note)) if note else selected
