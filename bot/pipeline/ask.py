"""Ask: everything that registries are asked about the places of a run, and what is decided from the answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.decide import decide
from bot.core.endings import with_ending
from bot.model.decision import Decision, Selected, Unknown, UpToDate
from bot.model.errors import RegistryError
from bot.model.image import Resolution
from bot.model.policy import Rulebook
from bot.model.reference import Line
from bot.model.report import Failed
from bot.pipeline.follow import Shelves, follow
from bot.pipeline.pool import NETWORK
from bot.pipeline.resolve import Sources, Wish, resolve
from bot.ports import Progress


@dataclass(frozen=True, slots=True)
class Asked:
    """What the registries said."""

    shelves: Shelves
    resolutions: Mapping[Line, Resolution]
    rulebook: Rulebook
    now: datetime
    failed: tuple[Failed, ...]

    def decide(self, selected: Selected) -> Decision:
        """Return what is to be done at a place."""
        lines = self.shelves.lines(selected)
        if isinstance(lines, RegistryError):
            return Unknown(selected, lines.reason, str(lines))
        decision = decide(selected, [self.resolutions[line] for line in lines], self.now)
        if not isinstance(decision, UpToDate):
            return decision
        offered = self.shelves.offered(selected.line)
        return with_ending(decision, offered, self.rulebook.end_of_life, self.now.date())


def ask(selected: Sequence[Selected], sources: Sources, rulebook: Rulebook, progress: Progress, now: datetime) -> Asked:
    """Ask for tags where places may move to others, and then for every line once. Raises StateError."""
    shelves = follow(selected, sources.registry, NETWORK, progress, now.date())
    wishes = (wish for place in selected for wish in _wishes(place, shelves))
    answers = resolve(wishes, sources, NETWORK, progress, now)
    return Asked(shelves, answers.resolutions, rulebook, now, (*shelves.failed, *answers.failed))


def _wishes(selected: Selected, shelves: Shelves) -> Iterable[Wish]:
    lines = shelves.lines(selected)
    if isinstance(lines, RegistryError):
        return ()
    held, min_age = selected.occurrence.reference.digest, selected.policy.min_age
    return [Wish(line, held, min_age, is_written=line == selected.line) for line in lines]
