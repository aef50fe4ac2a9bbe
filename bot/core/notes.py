"""Notes: sentences about an image reference that are shown in reports and pull requests."""

from __future__ import annotations

from dataclasses import replace

from bot.model.decision import TrackedImage
from bot.model.source import Reference

MAX_NOTE_LENGTH = 300
"""Number of characters that are shown of a note, which is enough for a path and a sentence."""


def add_reference_notes(reference: Reference, *notes: str) -> Reference:
    """Return `reference` with `notes` added to its notes. Empty texts are left out."""
    more = tuple(filter(None, notes))
    return replace(reference, notes=(*reference.notes, *more)) if more else reference


def add_image_note(tracked_image: TrackedImage, note: str) -> TrackedImage:
    """Return `tracked_image` with `note` added to its notes. If `note` is empty, return it unchanged."""
    return replace(tracked_image, notes=(*tracked_image.notes, note)) if note else tracked_image
