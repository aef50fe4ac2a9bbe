"""Judge: from places to what is to be done with them, one phase for all surveys before the next begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.core.evidence.gates import gate
from bot.core.places.reconcile import reconcile
from bot.core.places.select import Home, select, unless_unknown
from bot.core.transition import transition_to
from bot.model.decision import Decision, Selected, Skip, Transition, Update
from bot.model.evidence import Evidence
from bot.model.image import Resolution
from bot.model.policy import Rulebook
from bot.model.reference import Line
from bot.model.report import Failed
from bot.pipeline.ask import ask
from bot.pipeline.assess import assess
from bot.pipeline.look import look
from bot.pipeline.pool import REGISTRIES, SCANS
from bot.pipeline.resolve import Sources
from bot.pipeline.survey import Survey
from bot.pipeline.verify import verify
from bot.ports import (
    Advisories,
    Builder,
    Clock,
    Ends,
    FileFormat,
    Memory,
    Progress,
    Registry,
    RegistryFacts,
    RulesReader,
    ScannerOf,
    Verifier,
)


def _never(_: Line) -> bool:
    return False


def _always(_: Update) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class World:
    """All of the world that a run asks."""

    formats: Sequence[FileFormat]
    registry: Registry
    scanner_of: ScannerOf
    clock: Clock
    progress: Progress
    memory: Memory
    ends: Ends
    facts: RegistryFacts
    read_rules: RulesReader
    builders: Sequence[Builder] = ()
    """Asked by runs over repositories that others can clone, not by a scan."""
    verifiers: Sequence[Verifier] = ()
    advisories: Advisories | None = None
    """None where the config names none."""
    is_private: Callable[[Line], bool] = _never
    """Of which lines what is found must not be told where everybody can read it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What was decided, on what evidence, and what could not be asked."""

    decisions: tuple[tuple[Decision, ...], ...]
    """For each survey, in its order."""
    evidence: Mapping[Transition, Evidence]
    resolutions: Mapping[Line, Resolution]
    """What every line points to."""
    failed: tuple[Failed, ...]


def judge(
    surveys: Sequence[Survey], world: World, rulebook: Rulebook, needs_evidence: Callable[[Update], bool] = _always
) -> Judged:
    """Return what is to be done at every place of `surveys`, and the evidence for it.

    An update that does not need evidence is not assessed, and passes no gate.
    """
    selections = [_select(surveyed, replace(rulebook, inner=surveyed.rules), world) for surveyed in surveys]
    sources = Sources(world.registry, world.facts, world.memory, world.ends, rulebook.purging)
    selected = [place for places in selections for place in places if isinstance(place, Selected)]
    asked = ask(selected, sources, rulebook, world.progress, world.clock.now())
    decisions = [
        reconcile([place if isinstance(place, Skip) else asked.decide(place) for place in places])
        for places in selections
    ]
    updates = [each for places in decisions for each in places if isinstance(each, Update)]
    moves = {
        transition_to(update, candidate)
        for update in filter(needs_evidence, updates)
        for candidate in update.candidates
    }
    assessed = assess(moves, world.scanner_of, world.memory, SCANS, world.progress, world.advisories)
    looked = look(assessed.evidence, world.registry, world.memory, REGISTRIES, world.progress)
    verified = verify(moves, rulebook.trust, world.verifiers, REGISTRIES, world.progress)
    evidence = {
        move: replace(found, signatures=verified.signatures.get(move), is_private=world.is_private(move.line))
        for move, found in looked.evidence.items()
    }
    now = world.clock.now()
    gated = [
        reconcile(
            [
                gate(each, evidence, now, is_public=surveyed.repository.may_be_public)
                if isinstance(each, Update) and needs_evidence(each)
                else each
                for each in places
            ]
        )
        for surveyed, places in zip(surveys, decisions, strict=True)
    ]
    failed = (*asked.failed, *assessed.failed, *looked.failed, *verified.failed)
    return Judged(tuple(gated), evidence, asked.resolutions, failed)


def _select(surveyed: Survey, rulebook: Rulebook, world: World) -> list[Selected | Skip]:
    home = Home(surveyed.repository.name, surveyed.repository.base_branch or "")
    today = world.clock.now().date()
    return [unless_unknown(rulebook, select(rulebook, home, occurrence, today)) for occurrence in surveyed.occurrences]
