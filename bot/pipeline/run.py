"""One run over a fleet, readable aloud: a phase ends for everybody before the next begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.core.decide import decide
from bot.core.gates import gate
from bot.core.reconcile import reconcile
from bot.core.select import Home, may_ask, select
from bot.core.verdict import verdict
from bot.core.view import transition_of
from bot.model.decision import Decision, NotChecked, Selected, Skip, Transition, Update
from bot.model.errors import ForgeError, TreeError
from bot.model.evidence import Evidence
from bot.model.policy import Rulebook
from bot.model.report import Failed, RepositoryReport, RunReport
from bot.model.vocabulary import Level, Reason, Stage
from bot.pipeline.assess import assess
from bot.pipeline.plan import Edited, Plan, Wording, edit, plan
from bot.pipeline.pool import NETWORK, SCANS
from bot.pipeline.propose import Proposed, Proposing
from bot.pipeline.resolve import Answers, resolve
from bot.pipeline.survey import Survey, survey
from bot.ports import Clock, FileFormat, Fleet, GitRepository, Progress, Registry, Scanner, Tree


@dataclass(frozen=True, slots=True)
class World:
    """All of the world that a run asks."""

    formats: Sequence[FileFormat]
    registry: Registry | None
    """None where no registry may be asked."""
    scanner: Scanner
    clock: Clock
    progress: Progress


@dataclass(frozen=True, slots=True)
class Orders:
    """What the operator wants of a run."""

    rulebook: Rulebook
    level: Level = Level.REPORT
    only: frozenset[str] = frozenset()
    """Names of repositories; empty for all."""
    branch_prefix: str = "basebump/"
    body_template: str = ""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What `scan` found, and the proved edits that `scan --write` may write."""

    report: RunReport
    survey: Survey
    edited: Edited


def scan(tree: Tree, root: str, world: World, orders: Orders) -> Scanned:
    """Run over one tree and stop after the proof. Raises TreeError when it cannot be listed."""
    surveyed = survey(GitRepository("", "", None, None), tree, world.formats)
    judged = _judge([surveyed], world, orders)
    (decisions,) = judged.decisions
    edited = edit(surveyed, [each for each in decisions if isinstance(each, Update)])
    unproved = {skip.occurrence: skip for skip in edited.unproved}
    verdicts = tuple(verdict(unproved.get(each.occurrence, each)) for each in decisions)
    repository = RepositoryReport("", root, None, verdicts, surveyed.unsupported)
    failures = (*surveyed.failed, *judged.failed)
    return Scanned(RunReport(orders.level, (repository,), dict(judged.evidence), failures), surveyed, edited)


def run(fleets: Sequence[Fleet], world: World, orders: Orders) -> RunReport:
    """Run over the repositories of all fleets."""
    looked = _survey_fleets(fleets, world, orders)
    judged = _judge([each.survey for each in looked.visits], world, orders)
    reports: list[RepositoryReport] = []
    failures = [*looked.failed, *judged.failed]
    world.progress.phase("Proposing", len(looked.visits))
    for visit, decisions in zip(looked.visits, judged.decisions, strict=True):
        forge = visit.fleet.forge(visit.repository)
        wording = Wording(orders.branch_prefix, orders.body_template, forge.limits)
        planned = plan(visit.survey, decisions, judged.evidence, wording)
        proposed = Proposing(forge, visit.survey, planned, orders.branch_prefix, orders.level, world.clock).proceed()
        reports.append(_report(visit, planned, proposed))
        failures += [*visit.survey.failed, *proposed.failed]
        world.progress.step()
    world.progress.done()
    return RunReport(orders.level, tuple(reports), dict(judged.evidence), tuple(failures))


def _report(visit: Visit, planned: Plan, proposed: Proposed) -> RepositoryReport:
    repository = visit.repository
    return RepositoryReport(
        forge=repository.forge,
        name=repository.name,
        base_branch=repository.base_branch,
        verdicts=tuple(verdict(decision) for decision in planned.decisions),
        unsupported=visit.survey.unsupported,
        proposals=proposed.reports,
        note="" if repository.base_branch else "It has no default branch, so there is nothing to read.",
    )


@dataclass(frozen=True, slots=True)
class Visit:
    """One repository that was looked at."""

    fleet: Fleet
    survey: Survey

    @property
    def repository(self) -> GitRepository:
        return self.survey.repository


@dataclass(frozen=True, slots=True)
class _Looked:
    visits: tuple[Visit, ...]
    failed: tuple[Failed, ...]


def _survey_fleets(fleets: Sequence[Fleet], world: World, orders: Orders) -> _Looked:
    chosen = [(fleet, each) for fleet in fleets for each in fleet.repositories(orders.only)]
    world.progress.phase("Reading repositories", len(chosen))

    def look(item: tuple[Fleet, GitRepository | Failed]) -> Visit | Failed:
        fleet, repository = item
        try:
            return repository if isinstance(repository, Failed) else _visit(fleet, repository, world)
        finally:
            world.progress.step()

    looked = NETWORK.map(look, chosen)
    world.progress.done()
    visits = [each for each in looked if isinstance(each, Visit)]
    unknown = orders.only - {visit.repository.name for visit in visits}
    failed = [each for each in looked if isinstance(each, Failed)]
    named = {failure.subject for failure in failed}
    failed += [Failed(each, Stage.SURVEY, "the config selects no such repository") for each in sorted(unknown - named)]
    return _Looked(tuple(visits), tuple(failed))


def _visit(fleet: Fleet, repository: GitRepository, world: World) -> Visit | Failed:
    if repository.base_branch is None:
        return Visit(fleet, Survey(repository, is_blind=True))
    try:
        return Visit(fleet, survey(repository, fleet.tree(repository), world.formats))
    except (TreeError, ForgeError) as error:
        return Failed(repository.name, Stage.SURVEY, str(error))


@dataclass(frozen=True, slots=True)
class _Judged:
    decisions: tuple[tuple[Decision, ...], ...]
    """For each survey, in its order."""
    evidence: Mapping[Transition, Evidence]
    failed: tuple[Failed, ...]


def _judge(surveys: Sequence[Survey], world: World, orders: Orders) -> _Judged:
    """Select, resolve, decide, reconcile, assess, gate: each for all surveys before the next."""
    selections = [_select(surveyed, orders.rulebook, asks=world.registry is not None) for surveyed in surveys]
    answers = _resolve([place for places in selections for place in places], world)
    decisions = [reconcile([_decide(place, answers) for place in places]) for places in selections]
    moves = {transition_of(each) for places in decisions for each in places if isinstance(each, Update)}
    evidence = assess(moves, world.scanner, SCANS, world.progress)
    gated = [reconcile([_gate(each, evidence) for each in places]) for places in decisions]
    return _Judged(tuple(gated), evidence, answers.failed)


def _select(surveyed: Survey, rulebook: Rulebook, *, asks: bool) -> list[Selected | Skip]:
    home = Home(surveyed.repository.name, surveyed.repository.base_branch or "")
    selected = [select(rulebook, home, occurrence) for occurrence in surveyed.occurrences]
    if not asks:
        return selected
    return [
        Skip(place.occurrence, Reason.UNKNOWN_REGISTRY)
        if isinstance(place, Selected) and not may_ask(rulebook, place.line.host)
        else place
        for place in selected
    ]


def _resolve(places: Iterable[Selected | Skip], world: World) -> Answers:
    if world.registry is None:
        return Answers({}, ())
    selected = [place for place in places if isinstance(place, Selected)]
    return resolve(selected, world.registry, NETWORK, world.progress)


def _decide(place: Selected | Skip, answers: Answers) -> Decision:
    if isinstance(place, Skip):
        return place
    resolution = answers.resolutions.get(place.line)
    return NotChecked(place) if resolution is None else decide(place, resolution)


def _gate(decision: Decision, evidence: Mapping[Transition, Evidence]) -> Decision:
    if not isinstance(decision, Update):
        return decision
    return gate(decision, evidence[transition_of(decision)])
