"""The updates of one proposal, grouped by transition, for the text of a pull request and its fingerprint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from bot.core.transition import get_first_transition
from bot.model.decision import ImageUpdate, Transition
from bot.model.image_name import TagRef
from bot.model.source import FilePath
from bot.model.vocabulary import Role

MIN_IMAGES_FOR_TOTAL = 2
"""Minimum number of compared images for which a total is shown."""

UpdatesByTransition = Mapping[Transition, Sequence[ImageUpdate]]
"""The updates of image references, by the transition that they share. Transitions are sorted by tag."""


class UpdateType(StrEnum):
    """The type of an update: the image gets a digest for its tag, a newer digest, or another tag."""

    PIN = "pin"
    """The image gets a digest for its tag."""
    DIGEST = "digest"
    """The image gets a new digest and keeps its tag."""
    TAG = "tag"
    """The image gets another tag."""


def group_by_transition(updates: Iterable[ImageUpdate]) -> UpdatesByTransition:
    """Group updates by their transitions, which are sorted by tag."""
    groups: dict[Transition, list[ImageUpdate]] = {}
    for update in updates:
        groups.setdefault(get_first_transition(update), []).append(update)
    return {transition: groups[transition] for transition in sorted(groups, key=lambda each: each.sort_key)}


def determine_update_type(transitions: Iterable[Transition]) -> UpdateType:
    """Return the type of the largest update among the transitions."""
    types = {
        UpdateType.TAG if each.new_tag else UpdateType.DIGEST if each.old else UpdateType.PIN for each in transitions
    }
    return next(each for each in (UpdateType.TAG, UpdateType.DIGEST, UpdateType.PIN) if each in types)


def list_deploying_paths(updates: Iterable[ImageUpdate]) -> dict[FilePath, bool]:
    """Return the paths of the changed files, and for each path whether the file deploys a workload."""
    paths: dict[FilePath, bool] = {}
    for update in updates:
        reference = update.reference
        paths[reference.path] = paths.get(reference.path, False) or reference.role is not Role.BASE
    return paths


def list_notes(by_transition: UpdatesByTransition) -> dict[Transition, Sequence[str]]:
    """Return the notes of all updates of each transition.

    If several transitions have the same tag, a note that they share is listed only with the first of them.
    """
    notes_by_transition: dict[Transition, Sequence[str]] = {}
    listed_notes: set[tuple[TagRef, str]] = set()
    for each, updates in by_transition.items():
        notes = [note for update in updates for note in (*update.tracked_image.notes, *update.candidates[0].notes)]
        notes_by_transition[each] = [note for note in dict.fromkeys(notes) if (each.tag_ref, note) not in listed_notes]
        listed_notes |= {(each.tag_ref, note) for note in notes}
    return notes_by_transition
