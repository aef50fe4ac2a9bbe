"""Plan a run without writing to a forge. A later command applies the plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.core.references.report_slots import drop_slot_bytes
from bot.model.decision import Transition
from bot.model.evidence import Evidence
from bot.model.fleet_plan import FleetPlan, PlannedRepository, TransitionEvidence
from bot.model.proposal import CloseStep, DeleteBranch, OpenStep, ProposalStep, RemoteRequest, UpdateStep
from bot.model.report import RunFailure, RunReport
from bot.model.vocabulary import FailureStage, RunLevel
from bot.pipeline.plans.planned_steps import describe_branch, describe_request, hash_dashboard, is_writing
from bot.pipeline.proposal.dashboard_sync import group_by_repository, list_visits_with_dashboard_writes
from bot.pipeline.proposal.execute_steps import RepositoryVisit, execute_visits
from bot.pipeline.proposal.repository_plan import RepositoryPlan
from bot.pipeline.run import RunPlan, finish_run, plan_fleets
from bot.pipeline.run_context import RunContext, RunOptions
from bot.ports import Fleet

_UNJUDGED = (
    "the plan leaves out this repository, because the token cannot read the content of basebump's branches; hint: use "
    "a token that can read the repository through the API"
)


@dataclass(frozen=True, slots=True)
class PlanOrigin:
    """The program and the config that made a plan. A plan is applied only by the same program with the same config."""

    version: str
    config: str
    """A hash of the settings that the config contains."""


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A plan, and the report of the run that made it, in which nothing was written."""

    plan: FleetPlan
    report: RunReport


def plan_run(fleets: Sequence[Fleet], context: RunContext, options: RunOptions, origin: PlanOrigin) -> PlannedRun:
    """Plan a run up to the level of `options`, and report it like a run of the level `report`.

    If a state is configured, the proposals that the plan opens are reserved in its ledger. Reservations expire after
    the time window of the limits, even if the plan is never applied.
    """
    run_plan = plan_fleets(fleets, context, options)
    visits = execute_visits(run_plan.visits, context.progress, RunLevel.REPORT)
    unjudged = [_report_unjudged(each.plan, options.level) for each in visits]
    positions = sorted(
        each
        for each in _list_positions(visits, run_plan.decision_result.evidence, options)
        if unjudged[each] is None and visits[each].plan.forge is not None
    )
    plan = _build_plan(run_plan, positions, options, origin)
    pending = frozenset(positions)
    visits = tuple(replace(each, is_pending=position in pending) for position, each in enumerate(visits))
    report = finish_run(run_plan, visits, replace(options, level=RunLevel.REPORT))
    return PlannedRun(plan, report.add_failures(tuple(each for each in unjudged if each is not None)))


def _list_positions(
    visits: Sequence[RepositoryVisit], evidence: Mapping[Transition, Evidence], options: RunOptions
) -> frozenset[int]:
    """Return the positions of the visits whose plans write, and of all visits to the same repositories.

    The dashboard of a repository shows all of its base branches.
    """
    writing = set(list_visits_with_dashboard_writes(visits, evidence, options))
    writing |= {
        position
        for position, visit in enumerate(visits)
        if any(is_writing(each.step, options.level) for each in visit.plan.branch_plans)
    }
    groups = group_by_repository(visits)
    return frozenset(position for group in groups if writing.intersection(group) for position in group)


def _report_unjudged(repository_plan: RepositoryPlan, level: RunLevel) -> RunFailure | None:
    """Return a failure if a step would change a branch whose content was not judged; None if there is none."""
    for each in repository_plan.branch_plans:
        request = _get_changed_request(each.step)
        if request is None or request.head is None or request.intent is None or not is_writing(each.step, level):
            continue
        if request.head not in repository_plan.judged_heads:
            return RunFailure(repository_plan.repository_scan.repository.name, FailureStage.PROPOSE, _UNJUDGED)
    return None


def _get_changed_request(step: ProposalStep) -> RemoteRequest | None:
    match step:
        case OpenStep(existing_branch=request):
            return request
        case UpdateStep(request=request) | CloseStep(request=request) | DeleteBranch(request=request):
            return request
        case _:
            return None


def _build_plan(run_plan: RunPlan, positions: Sequence[int], options: RunOptions, origin: PlanOrigin) -> FleetPlan:
    visits = run_plan.visits
    complete = {
        each for group in group_by_repository(visits) if set(group) <= set(positions) for each in group
    }  # a dashboard shows all base branches
    repositories = tuple(
        _describe_repository(visits[each], options, is_complete=each in complete) for each in positions
    )
    return FleetPlan(
        version=origin.version,
        config=origin.config,
        level_word="propose" if options.level is RunLevel.PROPOSE else "push",
        planned_at=run_plan.context.now,
        branch_prefix=options.branch_prefix,
        repositories=repositories,
        evidence=tuple(_list_evidence(run_plan, repositories)),
        openings=run_plan.openings,
    )


def _list_evidence(run_plan: RunPlan, repositories: Sequence[PlannedRepository]) -> Iterator[TransitionEvidence]:
    """Yield the evidence that the reports of the planned repositories need."""
    transitions: set[Transition] = {
        verdict.transition
        for repository in repositories
        for verdict in repository.report.verdicts
        if verdict.transition is not None
    }
    evidence = run_plan.decision_result.evidence
    for transition in sorted(transitions, key=lambda each: each.sort_key):
        if transition in evidence:
            yield TransitionEvidence(transition, evidence[transition])


def _describe_repository(visit: RepositoryVisit, options: RunOptions, *, is_complete: bool) -> PlannedRepository:
    """Return the description of a repository. `is_complete` is True if all its base branches are in the plan."""
    repository_plan, extract_result = visit.plan, visit.plan.repository_scan.extract_result
    repository, requests = extract_result.repository, repository_plan.requests or ()
    needs_dashboard = options.has_dashboards or extract_result.has_repository_config
    has_dashboard = is_complete and needs_dashboard and repository_plan.dashboard is not None
    return PlannedRepository(
        forge=repository.forge,
        server=repository.server,
        name=repository.name,
        base_branch=repository.base_branch or "",
        commit=repository.commit or "",
        report=drop_slot_bytes(visit.report),
        configured_name=repository.configured_name,
        is_public=repository.is_public,
        has_config=extract_result.has_repository_config,
        has_dashboard=has_dashboard,
        dashboard=hash_dashboard(repository_plan.dashboard_issue) if has_dashboard else None,
        listed_branches=tuple(sorted(repository_plan.listed_branches)),
        requests=tuple(describe_request(each, repository_plan.judged_heads) for each in requests),
        branches=tuple(describe_branch(each, requests) for each in repository_plan.branch_plans),
    )
