"""Ask: everything that registries are asked about the places of a run, and what is decided from the answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from bot.core.choice.decide import decide
from bot.core.choice.endings import with_ending
from bot.core.choice.holds import is_held
from bot.core.evidence.bases import base_of, behind, is_behind
from bot.core.notes import noted
from bot.core.places.select import may_ask
from bot.model.decision import Decision, Selected, Unknown, UpToDate
from bot.model.errors import RegistryError
from bot.model.history import LineEnd
from bot.model.image import Resolution, Resolved, Unresolved
from bot.model.policy import Rulebook
from bot.model.reference import Digest, Line
from bot.model.report import Failed
from bot.pipeline.ends import find_ends
from bot.pipeline.follow import Shelves, follow
from bot.pipeline.nearer import with_nearer
from bot.pipeline.pool import REGISTRIES
from bot.pipeline.resolve import Answers, Sources, Wish, resolve
from bot.ports import Progress, Registry

MAX_BASES = 50
"""Distinct bases of moved images that are looked at in a run: whole fleets are built on fewer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the registries said."""

    shelves: Shelves
    resolutions: Mapping[Line, Resolution]
    ends: Mapping[Line, LineEnd]
    """Of lines that are over."""
    notes: Mapping[Line, str]
    """What there is to say of an image beside what is done."""
    rulebook: Rulebook
    now: datetime
    failed: tuple[Failed, ...]

    def decide(self, selected: Selected) -> Decision:
        """Return what is to be done at a place."""
        lines = self.shelves.lines(selected)
        if isinstance(lines, RegistryError):
            return Unknown(selected, lines.reason, str(lines))
        selected = noted(selected, self.notes.get(selected.line, ""))
        selected = replace(selected, unlisted=self.shelves.unlisted(selected))
        decision = decide(selected, [self.resolutions[line] for line in lines], self.now)
        if not isinstance(decision, UpToDate):
            return decision
        return with_ending(decision, self.rulebook.end_of_life, self.ends.get(selected.line), self.now.date())


def ask(selected: Sequence[Selected], sources: Sources, rulebook: Rulebook, progress: Progress, now: datetime) -> Asked:
    """Ask for tags where places may move to others, and then for every line once. Raises StateError."""
    known = sources.ends.known({place.line for place in selected})
    shelves = follow(selected, sources.registry, REGISTRIES, progress, rulebook.end_of_life, now.date())
    answers = _resolve(_places(selected, shelves), sources, progress, now)
    wider = with_nearer(selected, shelves, answers.resolutions, sources.memory, now)
    more = {line for course, lines in wider.goals.items() for line in lines if line not in shelves.goals[course]}
    if more:
        again = {wish: places for wish, places in _places(selected, wider).items() if wish.line in more}
        nearer = _resolve(again, sources, progress, now)
        answers = Answers({**answers.resolutions, **nearer.resolutions}, (*answers.failed, *nearer.failed))
        shelves = wider
    over = find_ends(shelves, answers.resolutions, known, sources, now)
    notes = _bases(answers.resolutions, sources.registry, rulebook)
    failed = {each.subject: each for each in (*over.failed, *shelves.failed, *answers.failed)}  # each named once
    return Asked(shelves, answers.resolutions, over.ends, notes, rulebook, now, tuple(failed.values()))


def _places(selected: Iterable[Selected], shelves: Shelves) -> dict[Wish, list[Selected]]:
    """Return what is wanted, and for which places."""
    places: dict[Wish, list[Selected]] = defaultdict(list)
    for place in selected:
        for wish in _wishes(place, shelves):
            places[wish].append(place)
    return places


def _resolve(places: Mapping[Wish, list[Selected]], sources: Sources, progress: Progress, now: datetime) -> Answers:
    def is_any_held(wish: Wish, resolved: Resolved) -> bool:
        return any(is_held(place, resolved, now) for place in places[wish])

    return resolve(places, sources, REGISTRIES, progress, now, is_any_held)


def _bases(resolutions: Mapping[Line, Resolution], registry: Registry, rulebook: Rulebook) -> Mapping[Line, str]:
    """Return what there is to say of images that moved, and are themselves behind what they are built on."""
    bases = {
        line: base
        for line, resolution in resolutions.items()
        if isinstance(resolution, Resolved) and resolution.manifest and (base := base_of(resolution.manifest))
    }
    asked = sorted({base.line for base in bases.values() if may_ask(rulebook, base.line.host)})[:MAX_BASES]

    def look(line: Line) -> Resolved | None:
        used = {base.digest for base in bases.values() if base.line == line}
        known = resolutions.get(line)
        with suppress(RegistryError):
            return None if isinstance(known, Unresolved) else _with_images(line, used, known, registry)
        return None

    found = dict(zip(asked, REGISTRIES.map(look, asked), strict=True))
    return {
        line: behind(base) for line, base in bases.items() if (now := found.get(base.line)) and is_behind(base, now)
    }


def _with_images(line: Line, used: Iterable[Digest], known: Resolved | None, registry: Registry) -> Resolved:
    """Return what a base's line points to. Raises RegistryError.

    What the run was told already is not asked for again, and what is behind it is only fetched where that is not what
    was `used`: it may still be an index that has the image of one platform that was.
    """
    resolved = known or Resolved(line, registry.head(line).digest)
    if resolved.manifest is not None or all(digest == resolved.digest for digest in used):
        return resolved
    return replace(resolved, manifest=registry.fetch(line, resolved.digest))


def _wishes(selected: Selected, shelves: Shelves) -> Iterable[Wish]:
    lines = shelves.lines(selected)
    if isinstance(lines, RegistryError):
        return ()
    held, min_age = selected.occurrence.reference.digest, selected.policy.min_age
    names_platforms = bool(selected.policy.platforms) or selected.occurrence.platform is not None
    return [Wish(line, held, min_age, line == selected.line, names_platforms) for line in lines]
