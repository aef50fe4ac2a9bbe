"""What is to be done in one repository of a run, and how much of it at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from bot.core.proposal.boxes import ticked
from bot.core.proposal.group import first
from bot.core.proposal.pace import Queue, deferrals
from bot.model.dashboard import Board
from bot.model.decision import Decision, Transition
from bot.model.errors import BasebumpError, ForgeError
from bot.model.evidence import Evidence
from bot.model.forge import GitRepository
from bot.model.pace import FLEET_LIMITS, REPOSITORIES_PER_RUN, Limits
from bot.model.proposal import Close, Open, RequestState, Seen
from bot.model.report import Failed
from bot.model.vocabulary import Stage
from bot.pipeline.orders import Orders
from bot.pipeline.plan import Plan, plan
from bot.pipeline.recall import Prospect, recall
from bot.pipeline.survey import Survey
from bot.ports import Dashboard, Fleet, Forge


@dataclass(frozen=True, slots=True)
class Visit:
    """One repository that was looked at."""

    fleet: Fleet
    survey: Survey

    @property
    def repository(self) -> GitRepository:
        return self.survey.repository


@dataclass(frozen=True, slots=True)
class Agenda:
    """What is to be done in one repository."""

    visit: Visit
    plan: Plan
    failed: tuple[Failed, ...]
    prospects: tuple[Prospect, ...] = ()
    forge: Forge | None = None
    """None where nothing can be done."""
    dashboard: Dashboard | None = None
    """None where it could not be read, so that nothing is written to it."""
    board: Board | None = None
    """The dashboard as it stood before."""


def draw_up(
    visit: Visit, decisions: Sequence[Decision], evidence: Mapping[Transition, Evidence], orders: Orders, now: datetime
) -> Agenda:
    """Plan for one repository, and look at what its forge remembers; what breaks is said in it."""
    surveyed, name = visit.survey, visit.repository.name
    planned = Plan(tuple(decisions), ())
    try:
        forge = visit.fleet.forge(visit.repository)
        wording = orders.wording(forge.limits, visit.repository)
        planned = plan(surveyed, decisions, evidence, wording)
        if visit.repository.base_branch is None:
            return Agenda(visit, planned, surveyed.failed)
        dashboard = visit.fleet.dashboard(visit.repository)
        board, failed = _board(dashboard, surveyed, orders)
        asks = ticked(board.body) if board is not None and board.is_open else frozenset()
        shown = _seen(forge, planned, visit.repository, orders)
        if _begins(shown, first(visit.repository.other_base).branch(orders.branch_prefix), visit.repository, orders):
            planned = plan(surveyed, decisions, evidence, wording, all_at_once=True)
        prospects = recall(shown, surveyed, planned, asks, orders.branch_prefix, now)
    except BasebumpError as error:
        return Agenda(visit, planned, (*surveyed.failed, Failed(name, Stage.PROPOSE, str(error))))
    return Agenda(visit, planned, (*surveyed.failed, *failed), prospects, forge, None if failed else dashboard, board)


def _seen(forge: Forge, planned: Plan, repository: GitRepository, orders: Orders) -> tuple[Seen, ...]:
    """Ask the forge for what is wanted, and for the request with which the repository began, if it was to begin so."""
    wanted = frozenset(each.proposal.branch for each in planned.proposals)
    if wanted and _begins_with_one(repository, orders):
        wanted |= {first(repository.other_base).branch(orders.branch_prefix)}
    return forge.seen(orders.branch_prefix, wanted)


def _begins(shown: Sequence[Seen], beginning: str, repository: GitRepository, orders: Orders) -> bool:
    """Say whether a repository still begins: nobody merged its first request, and there is no other of ours."""
    if not _begins_with_one(repository, orders):
        return False
    is_taken_on = any(each.branch == beginning and each.state is RequestState.MERGED for each in shown)
    return not is_taken_on and all(each.branch == beginning for each in shown)


def _begins_with_one(repository: GitRepository, orders: Orders) -> bool:
    """Say whether a repository begins with one proposal for everything: those do that nobody asked for by name."""
    stated = orders.rollout.first_proposal
    return repository.is_selected if stated is None else stated


def _board(dashboard: Dashboard, surveyed: Survey, orders: Orders) -> tuple[Board | None, tuple[Failed, ...]]:
    """Return the issue as it stands, where one is wanted or may have to be closed, or why it could not be read.

    Where dashboards are not wanted, the issue only tells of a file of the repository that cannot be used.
    """
    if not (orders.has_dashboards or surveyed.has_own_file):
        return None, ()
    try:
        return dashboard.read(), ()
    except ForgeError as error:
        return None, (no_board(surveyed.repository, error),)


def no_board(repository: GitRepository, error: ForgeError) -> Failed:
    """Return what is said of a dashboard that could not be read or written."""
    return Failed(f"{repository.name} dashboard", Stage.PROPOSE, str(error))


def prospects_of(agendas: Iterable[Agenda]) -> list[Prospect]:
    """Return the prospects of all repositories in one row."""
    return [prospect for each in agendas for prospect in each.prospects]


def shared_out(agendas: Sequence[Agenda], prospects: Iterable[Prospect]) -> list[Agenda]:
    """Return the agendas with other prospects, which are as many, and in the order of `prospects_of`."""
    left = iter(prospects)
    return [replace(each, prospects=tuple(islice(left, len(each.prospects)))) for each in agendas]


def paced(agendas: Sequence[Agenda], orders: Orders, now: datetime) -> Iterator[Prospect]:
    """Yield all prospects, those that have to wait with the step that says so."""
    waiting = deferrals([_queue(each, orders) for each in agendas], now)
    for each, deferred in zip(agendas, waiting, strict=True):
        for prospect in each.prospects:
            yield replace(prospect, step=deferred.get(prospect.branch, prospect.step))


def _queue(agenda: Agenda, orders: Orders) -> Queue:
    """Return what would be opened for a base branch; a repository that was named has only limits that are stated."""
    visit, stated = agenda.visit, orders.rollout.repositories_per_run
    is_selected = visit.repository.is_selected
    limits = orders.limits or (FLEET_LIMITS if is_selected else Limits())
    wave = stated or (REPOSITORIES_PER_RUN if is_selected else None)
    steps = [prospect.step for prospect in agenda.prospects]
    seen = (each.state for prospect in agenda.prospects for each in prospect.seen)
    open_now = sum(state is RequestState.OPEN for state in seen) - sum(isinstance(step, Close) for step in steps)
    opens = [step for step in steps if isinstance(step, Open)]
    return Queue((id(visit.fleet), visit.repository.name), limits, opens, open_now, wave)
