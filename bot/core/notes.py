"""Notes: sentences about an image reference that are shown in reports and pull requests."""

from __future__ import annotations

from dataclasses import replace

from bot.model.decision import TrackedImage
from bot.model.source import Occurrence

MAX_NOTE_LENGTH = 300
"""Number of characters that are shown of a note, which is enough for a path and a sentence."""


def add_occurrence_notes(occurrence: Occurrence, *notes: str) -> Occurrence:
    """Return `occurrence` with additional notes. Empty notes are left out."""
    more = tuple(filter(None, notes))
    return replace(occurrence, notes=(*occurrence.notes, *more)) if more else occurrence


def add_image_note(tracked_image: TrackedImage, note: str) -> TrackedImage:
    """Return `tracked_image` with an additional note about its image. An empty note is not added."""
    return replace(tracked_image, notes=(*tracked_image.notes, note)) if note else tracked_image
