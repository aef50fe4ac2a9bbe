"""Nearer: where the farthest tag that a place may move to is not to be had, the next ones before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from bot.core.choice.decide import decide
from bot.core.choice.targets import Course, course_of
from bot.model.decision import Cause, Held, Selected, Update, UpToDate
from bot.model.errors import RegistryError
from bot.model.hosts import is_acr
from bot.model.image import Resolution, Unresolved
from bot.model.reference import Line
from bot.pipeline.follow import Shelves
from bot.ports import Memory

MAX_TRIED = 3
"""Nearer tags that are asked for; that several in a row are held or no image is rare."""


def with_nearer(
    selected: Iterable[Selected],
    shelves: Shelves,
    resolutions: Mapping[Line, Resolution],
    memory: Memory,
    now: datetime,
) -> Shelves:
    """Return the shelves with nearer tags for those places that cannot have the farthest one. Raises StateError.

    Where a rule asks for an age, only such as an earlier run saw so long ago, when they were the farthest themselves;
    all others would be too young, unless their registry keeps a record.
    """
    ages: dict[Course, timedelta] = {}
    for place in selected:
        course = course_of(place)
        if course is not None and _wants_nearer(place, shelves, resolutions, now):
            ages[course] = min(place.policy.min_age, ages.get(course, place.policy.min_age))
    found = {course: shelves.nearer(course) for course in ages}
    seen = memory.sightings({line for course, lines in found.items() if ages[course] for line in lines})
    first_seen = {line: min(each.first_seen for each in sightings) for line, sightings in seen.items()}

    def may_be_ripe(course: Course, line: Line) -> bool:
        age = ages[course]
        return not age or is_acr(line.host) or first_seen.get(line, now) + age <= now

    wanted = {
        course: tuple(line.tag for line in lines if may_be_ripe(course, line))[:MAX_TRIED]
        for course, lines in found.items()
    }
    return shelves.with_nearer(wanted)


def _wants_nearer(place: Selected, shelves: Shelves, resolutions: Mapping[Line, Resolution], now: datetime) -> bool:
    """Say whether a place can have none of the other tags that were asked for, and why is not just a trouble."""
    lines = shelves.lines(place)
    if isinstance(lines, RegistryError) or len(lines) == 1:
        return False
    decision = decide(place, [resolutions[line] for line in lines], now)
    match decision:
        case Held():
            return True
        case Update(candidates=candidates, cause=cause):
            return cause is not Cause.GONE and all(
                candidate.tag is None or candidate.mature is not None for candidate in candidates
            )
        case UpToDate():
            return isinstance(resolutions[lines[0]], Unresolved)
        case _:
            return False
