"""Ask: everything that registries are asked about the places of a run, and what is decided from the answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime

from bot.core.bases import base_of, behind, is_behind
from bot.core.decide import decide
from bot.core.endings import with_ending
from bot.core.notes import noted
from bot.core.select import may_ask
from bot.model.decision import Decision, Selected, Unknown, UpToDate
from bot.model.errors import RegistryError
from bot.model.hosts import announces_ends
from bot.model.image import Manifest, Resolution, Resolved
from bot.model.policy import Rulebook
from bot.model.reference import Line
from bot.model.report import Failed
from bot.pipeline.follow import Shelves, follow
from bot.pipeline.pool import REGISTRIES
from bot.pipeline.resolve import Sources, Wish, resolve
from bot.ports import Progress, Registry, RegistryFacts

MAX_BASES = 50
"""Distinct bases of moved images that are looked at in a run: whole fleets are built on fewer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the registries said."""

    shelves: Shelves
    resolutions: Mapping[Line, Resolution]
    ends: Mapping[Line, date]
    """Of lines that were looked at: the day on which their publisher ends support, where it says one."""
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
        decision = decide(selected, [self.resolutions[line] for line in lines], self.now)
        if not isinstance(decision, UpToDate):
            return decision
        line, today = selected.line, self.now.date()
        ending, announced = self.shelves.endings.get(line), self.ends.get(line)
        return with_ending(decision, ending, self.rulebook.end_of_life, announced, today)


def ask(selected: Sequence[Selected], sources: Sources, rulebook: Rulebook, progress: Progress, now: datetime) -> Asked:
    """Ask for tags where places may move to others, and then for every line once. Raises StateError."""
    shelves = follow(selected, sources.registry, REGISTRIES, progress, rulebook.end_of_life, now.date())
    wishes = (wish for place in selected for wish in _wishes(place, shelves))
    answers = resolve(wishes, sources, REGISTRIES, progress, now)
    ends = dict(_ends(shelves.watched, answers.resolutions, sources.facts))
    notes = _bases(answers.resolutions, sources.registry, rulebook)
    return Asked(shelves, answers.resolutions, ends, notes, rulebook, now, (*shelves.failed, *answers.failed))


def _bases(resolutions: Mapping[Line, Resolution], registry: Registry, rulebook: Rulebook) -> Mapping[Line, str]:
    """Return what there is to say of images that moved, and are themselves behind what they are built on."""
    bases = {
        line: base
        for line, resolution in resolutions.items()
        if isinstance(resolution, Resolved) and resolution.manifest and (base := base_of(resolution.manifest))
    }
    asked = sorted({base.line for base in bases.values() if may_ask(rulebook, base.line.host)})[:MAX_BASES]

    def look(line: Line) -> Manifest | None:
        with suppress(RegistryError):
            return registry.get(line)
        return None

    found = dict(zip(asked, REGISTRIES.map(look, asked), strict=True))
    return {
        line: behind(base) for line, base in bases.items() if (now := found.get(base.line)) and is_behind(base, now)
    }


def _ends(
    watched: Iterable[Line], resolutions: Mapping[Line, Resolution], facts: RegistryFacts
) -> Iterator[tuple[Line, date]]:
    """Yield what publishers announce; it is a hint, so that nobody minds where it cannot be had."""
    for line in watched:
        resolution = resolutions.get(line)
        if isinstance(resolution, Resolved) and announces_ends(line.host):
            with suppress(RegistryError):
                day = facts.end_of_life(line, resolution.digest)
                if day is not None:
                    yield line, day


def _wishes(selected: Selected, shelves: Shelves) -> Iterable[Wish]:
    lines = shelves.lines(selected)
    if isinstance(lines, RegistryError):
        return ()
    held, min_age = selected.occurrence.reference.digest, selected.policy.min_age
    names_platforms = bool(selected.policy.platforms) or selected.occurrence.platform is not None
    return [Wish(line, held, min_age, line == selected.line, names_platforms) for line in lines]
