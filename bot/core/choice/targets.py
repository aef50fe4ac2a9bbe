"""Update targets: the tags that an image reference may be updated to, chosen from the tags of its repository."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.choice.tags import ended, is_kin, patched, successor, successors
from bot.model.decision import TrackedImage
from bot.model.modes import UpdateMode
from bot.model.reference import TagRef
from bot.model.source import EditSlot

MAX_NEARER = 20
"""Fallback tags to consider before the farthest tag: a month of a product with a release on each working day."""

_BEYOND_DIGEST = frozenset({UpdateMode.PATCH, UpdateMode.MINOR, UpdateMode.MAJOR})


@dataclass(frozen=True, slots=True)
class Course:
    """How far a tag may be updated; equal for all references to the tag whose policies agree on this."""

    line: TagRef
    update: UpdateMode
    os_variants: bool
    replace_ended: bool


def course_of(selected: TrackedImage) -> Course | None:
    """Return how far a reference may be updated; None if its policy keeps the tag, or the tag is not editable."""
    policy, place = selected.policy, selected.occurrence
    may_move = policy.update in _BEYOND_DIGEST or policy.replace_ended
    if not may_move or not isinstance(place.tag_slot, EditSlot) or place.reference.tag is None:
        return None
    return Course(selected.tag_ref, policy.update, policy.os_variants, policy.replace_ended)


def targets(
    course: Course, offered: Sequence[str], *, counted: bool, named: str | None = None, nearer: Sequence[str] = ()
) -> tuple[TagRef, ...]:
    """Return the tags that `update_range` allows, the farthest first; the tag written in the file is the last.

    `available_tags` are all tags of the repository, and `fallback_tags` those results of `list_fallback_tags` that are
    wanted as well. `counts_patches` says whether bare numbers at the end of a tag count its patches.
    `configured_successor` comes from an `end_of_life` entry of the config. An entry may match many tags, so its
    successor counts only if it is available and of the same tag family.
    """
    line = course.line
    tags: list[str | None] = []
    if course.update in _BEYOND_DIGEST:
        goal = successor(line.tag, offered, course.update, variants=course.os_variants)
        for each in (goal, *nearer):
            tags += [patched(each, offered, counted=counted) if each else None, each]
        tags.append(patched(line.tag, offered, counted=counted))
    if course.replace_ended:
        tags.append(_after(line.tag, offered, named))
    lines = [TagRef(line.repository, tag) for tag in tags if tag is not None]
    return tuple(dict.fromkeys((*lines, line)))


def nearer_tags(course: Course, offered: Sequence[str]) -> tuple[str, ...]:
    """Return the tags to try if the farthest tag has no usable image, the farthest first."""
    if course.update not in _BEYOND_DIGEST:
        return ()
    return successors(course.line.tag, offered, course.update, variants=course.os_variants)[1 : MAX_NEARER + 1]


def _after(tag: str, offered: Sequence[str], named: str | None) -> str | None:
    if named is not None:
        return named if named in offered and is_kin(tag, named) else None
    ending = ended(tag, offered)
    return ending.successor if ending is not None else None
