"""One run over a fleet, readable aloud: a phase ends for everybody before the next begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from bot.core.choice.verdict import verdict
from bot.core.proposal.refusals import refusals
from bot.model.decision import Decision
from bot.model.errors import ConfigError, ForgeError, TreeError
from bot.model.forge import GitRepository
from bot.model.report import Failed, RepositoryReport, RunReport
from bot.model.scope import Scope
from bot.model.vocabulary import Stage
from bot.pipeline.agenda import Agenda, Visit, draw_up, paced, prospects_of, shared_out
from bot.pipeline.board import keep_board, one_for_each_repository
from bot.pipeline.builds import Builds, ask_builders, with_builds
from bot.pipeline.judge import Judged, World, judge
from bot.pipeline.orders import Orders
from bot.pipeline.pool import NETWORK
from bot.pipeline.propose import Proposed, propose
from bot.pipeline.reconsider import reconsider
from bot.pipeline.survey import Survey, survey
from bot.ports import Fleet

OWN_FILE_BROKEN = "Nothing is done here until its own file can be used."
NO_OWN_FILE = "It has no file of its own, without which the rollout leaves it alone."
NO_BRANCH = (
    "It has no base branch, so there is nothing to read: HEAD names no branch with a commit, "
    "or none is what `base_branches` names."
)


def run(fleets: Sequence[Fleet], world: World, orders: Orders) -> RunReport:
    """Run over the repositories of all fleets."""
    started = world.clock.now()
    builds = ask_builders(world.builders, world.progress)
    looked = _survey_fleets(fleets, world, orders, builds)
    judged = judge([each.survey for each in looked.visits], world, orders.rulebook)
    agendas = _recall(looked.visits, judged, world, orders)
    reconsidered = reconsider(prospects_of(agendas), judged.resolutions, world)
    agendas = shared_out(agendas, reconsidered.prospects)
    agendas = shared_out(agendas, paced(agendas, orders, world.clock.now()))
    proposed = _propose(agendas, world, orders)
    reports = tuple(_report(agenda, each, orders) for agenda, each in zip(agendas, proposed, strict=True))
    failed = [*builds.failed, *looked.failed, *judged.failed]
    failed += [each for each in reconsidered.failed if each not in judged.failed]  # a list breaks for both of them
    failed += [failure for each in proposed for failure in each.failed]
    for agenda, report in one_for_each_repository(agendas, reports):
        failed += keep_board(agenda, report, orders)
    ended = world.clock.now()
    return RunReport(orders.level, reports, dict(judged.evidence), tuple(failed), started, ended)


def _recall(visits: Sequence[Visit], judged: Judged, world: World, orders: Orders) -> list[Agenda]:
    """Plan for every repository, and look at what its forge remembers; one that breaks costs no other."""
    world.progress.phase("Looking at proposals", len(visits))

    def look(item: tuple[Visit, Sequence[Decision]]) -> Agenda:
        try:
            visit, decisions = item
            return draw_up(visit, decisions, judged.evidence, orders, world.clock.now())
        finally:
            world.progress.step()

    agendas = NETWORK.map(look, zip(visits, judged.decisions, strict=True))
    world.progress.done()
    return agendas


def _propose(agendas: Sequence[Agenda], world: World, orders: Orders) -> list[Proposed]:
    """Take the steps of one repository after the other: forges want no two writes at once."""
    world.progress.phase("Proposing", len(agendas))
    proposed: list[Proposed] = []
    for agenda in agendas:
        name, forge = agenda.visit.repository.name, agenda.forge
        done = propose(name, forge, agenda.prospects, orders.level) if forge is not None else Proposed()
        proposed.append(replace(done, failed=(*agenda.failed, *done.failed)))
        world.progress.step()
    world.progress.done()
    return proposed


def _report(agenda: Agenda, proposed: Proposed, orders: Orders) -> RepositoryReport:
    repository, surveyed = agenda.visit.repository, agenda.visit.survey
    told = {each.branch for each in proposed.reports}
    refused = refusals(agenda.plan.decisions, repository.other_base, orders.branch_prefix, told)
    return RepositoryReport(
        forge=repository.forge,
        name=repository.name,
        base_branch=repository.base_branch,
        verdicts=tuple(verdict(decision) for decision in agenda.plan.decisions),
        unsupported=surveyed.unsupported,
        proposals=tuple(sorted((*proposed.reports, *refused), key=lambda each: each.branch)),
        note=surveyed.note if repository.base_branch else NO_BRANCH,
        known_as=repository.known_as,
    )


@dataclass(frozen=True, slots=True)
class _Looked:
    visits: tuple[Visit, ...]
    failed: tuple[Failed, ...]


def _survey_fleets(fleets: Sequence[Fleet], world: World, orders: Orders, builds: Builds) -> _Looked:
    scope = orders.scope
    selected = [
        (fleet, each)
        for fleet, each in _each_once((fleet, each) for fleet in fleets for each in fleet.repositories(scope.names))
        if isinstance(each, Failed) or not (each.base_branch or "").startswith(orders.branch_prefix)
    ]
    chosen = [(fleet, each) for fleet, each in selected if isinstance(each, Failed) or scope.may_have(each.name)]
    world.progress.phase("Reading repositories", len(chosen))

    def look(item: tuple[Fleet, GitRepository | Failed]) -> Visit | Failed:
        fleet, repository = item
        try:
            return repository if isinstance(repository, Failed) else _visit(fleet, repository, world, builds, orders)
        finally:
            world.progress.step()

    looked = NETWORK.map(look, chosen)
    world.progress.done()
    failed = [each for each in looked if isinstance(each, Failed)]
    repositories = [each for _, each in selected if isinstance(each, GitRepository)]
    names = {name for each in repositories for name in (each.name, each.known_as) if name}
    failed += _not_selected(scope.names, names, failed)
    visits = [each for each in looked if isinstance(each, Visit)]
    return _Looked(tuple(visits if scope.image is None else _using(visits, scope)), tuple(failed))


def _using(visits: Iterable[Visit], scope: Scope) -> Iterable[Visit]:
    """Return the visits to repositories that use the image of the scope on any of their base branches."""
    found = [(visit, any(scope.is_about(each.reference) for each in visit.survey.occurrences)) for visit in visits]
    using = {(id(visit.fleet), visit.repository.name) for visit, is_one in found if is_one}
    return [visit for visit, _ in found if (id(visit.fleet), visit.repository.name) in using]


def _each_once(
    found: Iterable[tuple[Fleet, GitRepository | Failed]],
) -> Iterator[tuple[Fleet, GitRepository | Failed]]:
    """Yield what fleets have; what several entries of a config select belongs to the first of them."""
    done: set[tuple[str, str, str, str | None]] = set()
    for fleet, each in found:
        if isinstance(each, GitRepository) and each.host is not None:
            key = (each.forge, each.host, each.name.lower(), each.base_branch)
            if key in done:
                continue
            done.add(key)
        yield fleet, each


def _not_selected(only: frozenset[str], found: Iterable[str], failed: Iterable[Failed]) -> list[Failed]:
    """Return a failure for each name that was asked for and is nowhere; forges do not mind upper and lower case."""
    known = {name.lower() for name in (*found, *(failure.subject for failure in failed))}
    missing = sorted(name for name in only if name.lower() not in known)
    return [Failed(name, Stage.SURVEY, "the config selects no such repository") for name in missing]


def _visit(fleet: Fleet, repository: GitRepository, world: World, builds: Builds, orders: Orders) -> Visit | Failed:
    if repository.base_branch is None:
        return Visit(fleet, Survey(repository, is_blind=True))
    try:
        tree = fleet.tree(repository)
        surveyed = survey(repository, tree, world.formats, world.read_rules)
        if orders.rollout.needs_own_file and not surveyed.has_own_file:
            return Visit(fleet, Survey(repository, note=NO_OWN_FILE, is_blind=True))
        return Visit(fleet, with_builds(surveyed, tree, builds))
    except ConfigError as error:
        return Visit(fleet, Survey(repository, note=f"{OWN_FILE_BROKEN} {error}", has_own_file=True, is_blind=True))
    except (TreeError, ForgeError) as error:
        return Failed(repository.name, Stage.SURVEY, str(error))
