"""Targets: from the tags of a repository to the lines that a place may move to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.choice.tags import ended, is_kin, patched, successor, successors
from bot.model.decision import Selected
from bot.model.modes import UpdateMode
from bot.model.reference import Line
from bot.model.source import Slot

MAX_NEARER = 20
"""Tags before the farthest one that are looked through: of a product with a release for each working day, a month."""

_BEYOND_DIGEST = frozenset({UpdateMode.PATCH, UpdateMode.MINOR, UpdateMode.MAJOR})


@dataclass(frozen=True, slots=True)
class Course:
    """How far a line may move: the same for all its places that are under such a policy."""

    line: Line
    update: UpdateMode
    os_variants: bool
    replace_ended: bool


def course_of(selected: Selected) -> Course | None:
    """Return how far a place may move; None where its tag stays: by its policy, or as no other can be written."""
    policy, place = selected.policy, selected.occurrence
    may_move = policy.update in _BEYOND_DIGEST or policy.replace_ended
    if not may_move or not isinstance(place.tag, Slot) or place.reference.tag is None:
        return None
    return Course(selected.line, policy.update, policy.os_variants, policy.replace_ended)


def targets(
    course: Course, offered: Sequence[str], *, counted: bool, named: str | None = None, nearer: Sequence[str] = ()
) -> tuple[Line, ...]:
    """Return the lines that may be moved to, the farthest first; the written one is the last.

    `counted` says whether bare numbers behind a tag are those of its patches; `named` is what the operator says comes
    after a line that is over, and counts where it is `offered`, for tags of its family: an entry may be about many.
    `nearer` are those of `nearer_tags` that are wanted, too.
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
    lines = [Line(line.repository, tag) for tag in tags if tag is not None]
    return tuple(dict.fromkeys((*lines, line)))


def nearer_tags(course: Course, offered: Sequence[str]) -> tuple[str, ...]:
    """Return what may be moved to where the farthest tag is not to be had, the farthest first."""
    if course.update not in _BEYOND_DIGEST:
        return ()
    return successors(course.line.tag, offered, course.update, variants=course.os_variants)[1 : MAX_NEARER + 1]


def _after(tag: str, offered: Sequence[str], named: str | None) -> str | None:
    if named is not None:
        return named if named in offered and is_kin(tag, named) else None
    ending = ended(tag, offered)
    return ending.successor if ending is not None else None
