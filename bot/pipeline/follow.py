"""Follow: which lines each place may move to, by the tags that its repository has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import ceil

from bot.core.choice.endings import end_by_operator
from bot.core.choice.tags import Ending, could_end, ended
from bot.core.choice.targets import Course, course_of, nearer_tags, targets
from bot.model.decision import Selected
from bot.model.errors import RegistryError
from bot.model.hosts import announces_ends, is_acr
from bot.model.reference import Line
from bot.model.report import Failed
from bot.model.rules import EndOfLife
from bot.model.vocabulary import Reason
from bot.pipeline.pool import Pool
from bot.pipeline.troubles import Troubles
from bot.ports import Progress, Registry

WATCHED_SHARE = 10
"""Of how many lines one is looked at in a run for whether it has ended, so that looking costs little where nothing
moved."""
GOLDEN_RATIO = (5**0.5 - 1) / 2
"""Multiples of it spread evenly, also every seventh or fourteenth of them: a turn that was counted in days would pass
some lines by for good where runs are weekly, or rest at weekends."""


@dataclass(frozen=True, slots=True)
class Shelves:
    """What the tags of repositories show: found once for each line and policy, as lists are long and places many."""

    goals: Mapping[Course, tuple[Line, ...]]
    """Of places that may move, where their tags could be had: the lines to move to, the farthest first."""
    tags: Mapping[str, tuple[str, ...]]
    """Of the repositories whose tags could be had."""
    counted: frozenset[str]
    """Repositories where bare numbers behind a tag are those of its patches."""
    named: Mapping[Course, str | None]
    """What the operator says comes after a line that is over."""
    endings: Mapping[Line, Ending | None]
    """Of the lines whose repository's tags could be had: what these show of their end."""
    refused: Mapping[str, RegistryError]
    """Why the tags of a repository could not be had."""
    watched: tuple[Line, ...]
    """Whose turn it is to be looked at for an end."""
    failed: tuple[Failed, ...]

    def lines(self, selected: Selected) -> tuple[Line, ...] | RegistryError:
        """Return the lines that a place may move to, the farthest first; the written one is the last."""
        course = course_of(selected)
        if course is None or self.unlisted(selected):
            return (selected.line,)
        return self.refused.get(course.line.repository) or self.goals[course]

    def nearer(self, course: Course) -> tuple[Line, ...]:
        """Return lines that may be moved to where the farthest one is not to be had, the farthest first."""
        tags = nearer_tags(course, self.tags[course.line.repository])
        return tuple(Line(course.line.repository, tag) for tag in tags)

    def with_nearer(self, nearer: Mapping[Course, tuple[str, ...]]) -> Shelves:
        """Return the same with more tags to move to."""
        more = {course: self._goals(course, tags) for course, tags in nearer.items()}
        return replace(self, goals={**self.goals, **more})

    def _goals(self, course: Course, nearer: Sequence[str] = ()) -> tuple[Line, ...]:
        repository = course.line.repository
        is_counted, named = repository in self.counted, self.named[course]
        return targets(course, self.tags[repository], counted=is_counted, named=named, nearer=nearer)

    def unlisted(self, selected: Selected) -> str:
        """Say why nobody can look for the other tags of a place; empty where somebody did, or may in another run."""
        error = self.refused.get(selected.line.repository)
        if error is None or course_of(selected) is None:
            return ""
        will_not_tell = error.reason is Reason.DENIED or not error.is_failure
        return f"Newer tags could not be looked for: {error}" if will_not_tell else ""


def follow(
    selected: Sequence[Selected],
    registry: Registry,
    pool: Pool,
    progress: Progress,
    known: tuple[EndOfLife, ...],
    today: date,
) -> Shelves:
    """Ask for the tags of every repository where a place may move to another tag, and of some where a line may end."""
    courses = {course for place in selected if (course := course_of(place)) is not None}
    wanted = {course.line.repository for course in courses}
    lines = {place.line for place in selected}
    watched = tuple(_watched(lines, today))
    repositories = sorted(wanted | {line.repository for line in watched if could_end(line.tag)})
    found, failed = _list_tags(repositories, wanted, registry, pool, progress)
    refused = {repository: answer for repository, answer in found.items() if isinstance(answer, RegistryError)}
    tags = {repository: answer for repository, answer in found.items() if not isinstance(answer, RegistryError)}
    counted = frozenset(each for each in wanted if is_acr(registry.origin(Line(each, "")).host))
    over = {course: end_by_operator(course.line, known, today) for course in courses}
    shelves = Shelves(
        goals={},
        tags=tags,
        counted=counted,
        named={course: end.successor if end is not None else None for course, end in over.items()},
        endings={line: ended(line.tag, tags[line.repository]) for line in lines if line.repository in tags},
        refused=refused,
        watched=watched,
        failed=failed,
    )
    return shelves.with_nearer({course: () for course in courses if course.line.repository in tags})


def _list_tags(
    repositories: Sequence[str], wanted: Collection[str], registry: Registry, pool: Pool, progress: Progress
) -> tuple[Mapping[str, tuple[str, ...] | RegistryError], tuple[Failed, ...]]:
    """Ask for the tags of each repository; where they cannot be had, it is a failure for those that are wanted."""
    troubles = Troubles()
    progress.phase("Listing tags", len(repositories))

    def ask(repository: str) -> tuple[str, ...] | RegistryError:
        try:
            troubles.raise_if_silent(registry.origin(Line(repository, "")).host)
            return registry.tags(repository)
        except RegistryError as error:
            if repository in wanted:
                troubles.note(error.host, error)
            return error
        finally:
            progress.step()

    found = dict(zip(repositories, pool.map(ask, repositories), strict=True))
    progress.done()
    return found, tuple(troubles.failures())


def _watched(lines: Iterable[Line], today: date) -> Iterable[Line]:
    """Return those lines whose turn it is today."""
    all_lines = sorted(lines)
    may_end = [line for line in all_lines if could_end(line.tag) or announces_ends(line.host)]
    share = min(ceil(len(all_lines) / WATCHED_SHARE), len(may_end))
    if not share:
        return ()
    first = int(today.toordinal() * GOLDEN_RATIO % 1 * len(may_end))
    return [*may_end, *may_end][first : first + share]
