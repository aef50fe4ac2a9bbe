"""Judge: select, resolve, decide, reconcile, assess, gate; each for all surveys before the next begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.core.decide import decide
from bot.core.gates import gate
from bot.core.reconcile import reconcile
from bot.core.select import Home, may_ask, select
from bot.core.transition import transition_of
from bot.model.decision import Decision, Selected, Skip, Transition, Update
from bot.model.evidence import Evidence
from bot.model.policy import Rulebook
from bot.model.report import Failed
from bot.model.vocabulary import Reason
from bot.pipeline.assess import assess
from bot.pipeline.pool import NETWORK, SCANS
from bot.pipeline.resolve import Answers, resolve
from bot.pipeline.survey import Survey
from bot.ports import Clock, FileFormat, Memory, Progress, Registry, Scanner


@dataclass(frozen=True, slots=True)
class World:
    """All of the world that a run asks."""

    formats: Sequence[FileFormat]
    registry: Registry
    scanner: Scanner
    clock: Clock
    progress: Progress
    memory: Memory


@dataclass(frozen=True, slots=True)
class Judged:
    """What was decided, on what evidence, and what could not be asked."""

    decisions: tuple[tuple[Decision, ...], ...]
    """For each survey, in its order."""
    evidence: Mapping[Transition, Evidence]
    failed: tuple[Failed, ...]


def judge(surveys: Sequence[Survey], world: World, rulebook: Rulebook) -> Judged:
    """Return what is to be done at every place of `surveys`, and the evidence for it."""
    selections = [_select(surveyed, rulebook, world) for surveyed in surveys]
    answers = _resolve([place for places in selections for place in places], world)
    decisions = [reconcile([_decide(place, answers) for place in places]) for places in selections]
    moves = {transition_of(each) for places in decisions for each in places if isinstance(each, Update)}
    assessed = assess(moves, world.scanner, world.memory, SCANS, world.progress)
    gated = [reconcile([_gate(each, assessed.evidence) for each in places]) for places in decisions]
    return Judged(tuple(gated), assessed.evidence, (*answers.failed, *assessed.failed))


def _select(surveyed: Survey, rulebook: Rulebook, world: World) -> list[Selected | Skip]:
    home = Home(surveyed.repository.name, surveyed.repository.base_branch or "")
    today = world.clock.now().date()
    selected = [select(rulebook, home, occurrence, today) for occurrence in surveyed.occurrences]
    return [
        Skip(place.occurrence, Reason.UNKNOWN_REGISTRY, place.line)
        if isinstance(place, Selected) and not may_ask(rulebook, place.line.host)
        else place
        for place in selected
    ]


def _resolve(places: Iterable[Selected | Skip], world: World) -> Answers:
    selected = [place for place in places if isinstance(place, Selected)]
    return resolve(selected, world.registry, world.memory, world.clock.now(), NETWORK, world.progress)


def _decide(place: Selected | Skip, answers: Answers) -> Decision:
    return place if isinstance(place, Skip) else decide(place, answers.resolutions[place.line])


def _gate(decision: Decision, evidence: Mapping[Transition, Evidence]) -> Decision:
    if not isinstance(decision, Update):
        return decision
    return gate(decision, evidence[transition_of(decision)])
