"""Add notes and reasons for a review to updates."""

from __future__ import annotations

from dataclasses import replace

from bot.model.decision import ImageUpdate


def add_candidate_note(update: ImageUpdate, note: str) -> ImageUpdate:
    """Return the update with `note` added to its first candidate. A note that it has already is not repeated."""
    first, *others = update.candidates
    notes = tuple(dict.fromkeys((*first.notes, note)))
    return replace(update, candidates=(replace(first, notes=notes), *others))


def add_review_reason(update: ImageUpdate, why: str, *, fact: str | None = None) -> ImageUpdate:
    """Return the update with `why` added to the reasons that a maintainer should review it.

    If `why` is already among these reasons, return the update unchanged. `fact` stands for the reason in fingerprints;
    None if the words of the reason do.
    """
    sentence, stated = (f"{each[0].upper()}{each[1:]}." for each in (why, fact or why))
    if sentence in update.review_reason:
        return update
    return replace(
        update,
        review_reason=f"{update.review_reason} {sentence}".strip(),
        review_facts=f"{update.review_facts} {stated}".strip(),
    )
