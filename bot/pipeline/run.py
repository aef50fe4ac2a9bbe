"""One run over a fleet, readable aloud: a phase ends for everybody before the next begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.core.verdict import verdict
from bot.model.decision import Decision
from bot.model.errors import BasebumpError, ForgeError, TreeError
from bot.model.policy import Rulebook
from bot.model.report import Failed, RepositoryReport, RunReport
from bot.model.vocabulary import Level, Stage
from bot.pipeline.builds import Builds, ask_builders, with_builds
from bot.pipeline.judge import Judged, World, judge
from bot.pipeline.plan import Plan, Wording, plan
from bot.pipeline.pool import NETWORK
from bot.pipeline.propose import Proposed, Proposing
from bot.pipeline.survey import Survey, survey
from bot.ports import Fleet, GitRepository

NO_BRANCH = "It has no default branch, so there is nothing to read: HEAD names no branch with a commit."


@dataclass(frozen=True, slots=True)
class Orders:
    """What the operator wants of a run."""

    rulebook: Rulebook
    branch_prefix: str
    body_template: str
    level: Level = Level.REPORT
    only: frozenset[str] = frozenset()
    """Names of repositories; empty for all."""


def run(fleets: Sequence[Fleet], world: World, orders: Orders) -> RunReport:
    """Run over the repositories of all fleets."""
    builds = ask_builders(world.builders, world.progress)
    looked = _survey_fleets(fleets, world, orders, builds)
    judged = judge([each.survey for each in looked.visits], world, orders.rulebook)
    reports: list[RepositoryReport] = []
    failures = [*builds.failed, *looked.failed, *judged.failed]
    world.progress.phase("Proposing", len(looked.visits))
    for visit, decisions in zip(looked.visits, judged.decisions, strict=True):
        report, failed = _propose(visit, decisions, judged, world, orders)
        reports.append(report)
        failures += [*visit.survey.failed, *failed]
        world.progress.step()
    world.progress.done()
    return RunReport(orders.level, tuple(reports), dict(judged.evidence), tuple(failures))


def _propose(
    visit: Visit, decisions: Sequence[Decision], judged: Judged, world: World, orders: Orders
) -> tuple[RepositoryReport, Sequence[Failed]]:
    """Plan and take the steps of one repository; one that breaks costs no other."""
    try:
        forge = visit.fleet.forge(visit.repository)
        wording = Wording(orders.branch_prefix, orders.body_template, forge.limits)
        planned = plan(visit.survey, decisions, judged.evidence, wording)
    except BasebumpError as error:
        failed = Failed(visit.repository.name, Stage.PROPOSE, str(error))
        return _report(visit, Plan(tuple(decisions), ()), Proposed()), (failed,)
    proposed = Proposing(forge, visit.survey, planned, orders.branch_prefix, orders.level, world.clock).proceed()
    return _report(visit, planned, proposed), proposed.failed


def _report(visit: Visit, planned: Plan, proposed: Proposed) -> RepositoryReport:
    repository = visit.repository
    return RepositoryReport(
        forge=repository.forge,
        name=repository.name,
        base_branch=repository.base_branch,
        verdicts=tuple(verdict(decision) for decision in planned.decisions),
        unsupported=visit.survey.unsupported,
        proposals=proposed.reports,
        note="" if repository.base_branch else NO_BRANCH,
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


def _survey_fleets(fleets: Sequence[Fleet], world: World, orders: Orders, builds: Builds) -> _Looked:
    chosen = [(fleet, each) for fleet in fleets for each in fleet.repositories(orders.only)]
    world.progress.phase("Reading repositories", len(chosen))

    def look(item: tuple[Fleet, GitRepository | Failed]) -> Visit | Failed:
        fleet, repository = item
        try:
            return repository if isinstance(repository, Failed) else _visit(fleet, repository, world, builds)
        finally:
            world.progress.step()

    looked = NETWORK.map(look, chosen)
    world.progress.done()
    visits = [each for each in looked if isinstance(each, Visit)]
    failed = [each for each in looked if isinstance(each, Failed)]
    failed += _not_selected(orders.only, {visit.repository.name for visit in visits}, failed)
    return _Looked(tuple(visits), tuple(failed))


def _not_selected(only: frozenset[str], found: Iterable[str], failed: Iterable[Failed]) -> list[Failed]:
    """Return a failure for each name that was asked for and is nowhere; forges do not mind upper and lower case."""
    known = {name.lower() for name in (*found, *(failure.subject for failure in failed))}
    missing = sorted(name for name in only if name.lower() not in known)
    return [Failed(name, Stage.SURVEY, "the config selects no such repository") for name in missing]


def _visit(fleet: Fleet, repository: GitRepository, world: World, builds: Builds) -> Visit | Failed:
    if repository.base_branch is None:
        return Visit(fleet, Survey(repository, is_blind=True))
    try:
        tree = fleet.tree(repository)
        return Visit(fleet, with_builds(survey(repository, tree, world.formats), tree, builds))
    except (TreeError, ForgeError) as error:
        return Failed(repository.name, Stage.SURVEY, str(error))
