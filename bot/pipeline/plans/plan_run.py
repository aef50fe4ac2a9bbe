"""Plan a run without writing to a forge, as a value that a later command performs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bot.core.references.report_slots import drop_slot_bytes
from bot.model.decision import Transition
from bot.model.fleet_plan import FleetPlan, PlannedRepository, TransitionEvidence
from bot.model.proposal import CloseRequest, DeleteBranch, OpenRequest, ProposalStep, RemoteRequest, UpdateRequest
from bot.model.report import RepositoryReport, RunFailure, RunReport
from bot.model.vocabulary import FailureStage, RunLevel
from bot.pipeline.plans.planned_steps import describe_branch, describe_request, fingerprint_dashboard, is_writing
from bot.pipeline.proposal.dashboard_sync import group_by_repository, list_plans_with_dashboard_writes
from bot.pipeline.proposal.execute_steps import execute_plans
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
    """The program and the config that made a plan. Only the same program performs it, with the same config."""

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

    If a state is configured, the proposals that the plan opens are reserved in its ledger. A reservation counts for the
    window of the limits. A plan that is never performed therefore gives it back by itself.
    """
    run_plan = plan_fleets(fleets, context, options)
    executed = execute_plans(run_plan.repository_plans, run_plan.base_reports, context.progress, RunLevel.REPORT)
    unjudged = [_report_unjudged(each, options.level) for each in run_plan.repository_plans]
    positions = sorted(
        each
        for each in _list_positions(run_plan, executed.reports, options)
        if unjudged[each] is None and run_plan.repository_plans[each].forge is not None
    )
    plan = _build_plan(run_plan, positions, options, origin)
    report = finish_run(run_plan, executed, replace(options, level=RunLevel.REPORT), frozenset(positions))
    return PlannedRun(plan, report.add_failures(tuple(each for each in unjudged if each is not None)))


def _list_positions(run_plan: RunPlan, reports: Sequence[RepositoryReport], options: RunOptions) -> frozenset[int]:
    """Return the positions of the plans to perform: those with writes, with the other base branches of the repository.

    The dashboard of a repository shows all of its base branches.
    """
    plans = run_plan.repository_plans
    evidence = run_plan.decision_result.evidence
    writing = set(list_plans_with_dashboard_writes(plans, reports, evidence, options))
    writing |= {
        position
        for position, plan in enumerate(plans)
        if any(is_writing(each.step, options.level) for each in plan.branch_plans)
    }
    groups = group_by_repository(plans)
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
        case OpenRequest(existing_branch=request):
            return request
        case UpdateRequest(request=request) | CloseRequest(request=request) | DeleteBranch(request=request):
            return request
        case _:
            return None


def _build_plan(run_plan: RunPlan, positions: Sequence[int], options: RunOptions, origin: PlanOrigin) -> FleetPlan:
    plans, reports = run_plan.repository_plans, run_plan.base_reports
    complete = {
        each for group in group_by_repository(plans) if set(group) <= set(positions) for each in group
    }  # a dashboard shows all base branches
    repositories = tuple(
        _describe_repository(plans[each], reports[each], options, is_complete=each in complete) for each in positions
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


def _describe_repository(
    repository_plan: RepositoryPlan, report: RepositoryReport, options: RunOptions, *, is_complete: bool
) -> PlannedRepository:
    """Return the description of a repository. `is_complete` is True if all its base branches are in the plan."""
    extract_result = repository_plan.repository_scan.extract_result
    repository, requests = extract_result.repository, repository_plan.requests or ()
    needs_dashboard = options.has_dashboards or extract_result.has_repository_config
    has_dashboard = is_complete and needs_dashboard and repository_plan.dashboard is not None
    return PlannedRepository(
        forge=repository.forge,
        server=repository.server,
        name=repository.name,
        base_branch=repository.base_branch or "",
        commit=repository.commit or "",
        report=drop_slot_bytes(report),
        configured_name=repository.configured_name,
        is_public=repository.is_public,
        has_config=extract_result.has_repository_config,
        has_dashboard=has_dashboard,
        dashboard=fingerprint_dashboard(repository_plan.dashboard_issue) if has_dashboard else None,
        listed_branches=tuple(sorted(repository_plan.listed_branches)),
        requests=tuple(describe_request(each, repository_plan.judged_heads) for each in requests),
        branches=tuple(describe_branch(each, requests) for each in repository_plan.branch_plans),
    )
