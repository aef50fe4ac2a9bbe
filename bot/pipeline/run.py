"""One run over the repositories of all fleets. Each phase ends for all repositories before the next phase begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.model.forge import GitRepository
from bot.model.image import ResolvedTag
from bot.model.image_name import Digest, TagRef
from bot.model.limits import Opening
from bot.model.phases import ProgressStep
from bot.model.report import RepositoryReport, RunReport
from bot.pipeline.choice.decide_updates import DecisionResult, decide_updates
from bot.pipeline.choice.decided_scan import DecidedScan
from bot.pipeline.inventory.failed_checks import record_failed_checks
from bot.pipeline.inventory.own_builds import load_rebuild_finder, read_own_builds
from bot.pipeline.inventory.record_exposure import record_exposure
from bot.pipeline.inventory.record_visits import VisitRecorder
from bot.pipeline.inventory.unfinished_updates import add_unfinished
from bot.pipeline.proposal.dashboard_sync import sync_dashboards
from bot.pipeline.proposal.execute_steps import RepositoryVisit, execute_visits, record_pushes, start_visit
from bot.pipeline.proposal.expedite_urgent import expedite_urgent
from bot.pipeline.proposal.opening_limits import apply_limits, give_back_unopened
from bot.pipeline.proposal.repository_plan import RepositoryPlan, RepositoryPlanner
from bot.pipeline.run_context import RunContext, RunOptions
from bot.pipeline.survey.build_tasks import list_build_tasks
from bot.pipeline.survey.clusters import find_running_images
from bot.pipeline.survey.fleet_scan import FleetScan, RepositoryScan, scan_fleets
from bot.pipeline.worker_pool import FORGE_POOL
from bot.ports import Fleet


def run_fleets(fleets: Sequence[Fleet], context: RunContext, options: RunOptions) -> RunReport:
    """Run all phases over the repositories of all fleets, and return the report."""
    run_plan = plan_fleets(fleets, context, options)
    visits = execute_visits(run_plan.visits, context.progress, options.level)
    return finish_run(run_plan, visits, options)


@dataclass(frozen=True, slots=True)
class RunPlan:
    """The result of all phases before the steps are executed. Nothing was written to a forge yet."""

    context: RunContext
    """The services of the run. `context.now` is the time at which the steps were planned."""
    visits: tuple[RepositoryVisit, ...]
    """The visits of all base branches that the run read, before their steps are executed."""
    fleet_scan: FleetScan
    decision_result: DecisionResult
    visit_recorder: VisitRecorder
    openings: tuple[Opening, ...]
    """The proposals that the run opens, as far as they were reserved in the ledger."""
    started: datetime


def plan_fleets(fleets: Sequence[Fleet], context: RunContext, options: RunOptions) -> RunPlan:
    """Run all phases up to the limits, which reserve the proposals that the run opens."""
    context, started = context.with_new_log(), context.now
    clusters = find_running_images(context)
    fleet_scan = scan_fleets(fleets, context, options, list_build_tasks(context))
    context = replace(context, known_lookups=fleet_scan.triage_result.known_lookups, clusters=clusters)
    known_verdicts = (verdict for report in fleet_scan.triage_result.reports for verdict in report.verdicts)
    known_in_use = {verdict.in_use for verdict in known_verdicts if verdict.in_use is not None}
    decided_scans, decision_result = decide_updates(
        fleet_scan.repository_scans, context, options.policy_config, known_in_use=known_in_use
    )
    visit_recorder = VisitRecorder(context, options, decision_result)
    rebuild_finder = load_rebuild_finder(context, options)
    # Scans may have taken hours, so the time is read again.
    context = replace(context, rebuild_finder=rebuild_finder, now=context.clock.now())
    repository_plans = _plan_repositories(decided_scans, decision_result, context, options)
    repository_plans = expedite_urgent(repository_plans, decision_result.resolutions, context)
    limit_result = apply_limits(repository_plans, context, options)
    return RunPlan(
        context,
        tuple(
            start_visit(each, options.branch_prefix, decision_result.build_verdict)
            for each in limit_result.repository_plans
        ),
        fleet_scan,
        decision_result,
        visit_recorder,
        limit_result.openings,
        started,
    )


def finish_run(run_plan: RunPlan, visits: Sequence[RepositoryVisit], options: RunOptions) -> RunReport:
    """Update the dashboards and the state after the steps were executed, and return the report of the run."""
    context, fleet_scan = run_plan.context, run_plan.fleet_scan
    triage_result, evidence = fleet_scan.triage_result, run_plan.decision_result.evidence
    context.failures.add(failure for each in visits for failure in each.failures)
    give_back_unopened(run_plan.openings, visits, context)
    record_pushes(visits, context)
    context.failures.add(sync_dashboards(visits, evidence, options))
    run_plan.visit_recorder.record_visits(visits, triage_result)
    read_own_builds(context, options, _list_known_digests(run_plan))
    record_failed_checks(fleet_scan.branches, context, options)
    record_exposure(context, options.scope)
    all_reports = _sort_reports((*(each.report for each in visits), *triage_result.reports), fleet_scan.repositories)
    all_reports = add_unfinished(all_reports, context)
    return RunReport(
        options.level,
        all_reports,
        {**triage_result.evidence, **evidence},
        context.failures.list_all(),
        run_plan.started,
        context.clock.now(),
        uses_default_scanner=context.uses_default_scanner,
        exposures=dict(run_plan.decision_result.exposures),
    )


def _list_known_digests(run_plan: RunPlan) -> dict[TagRef, Digest]:
    """Return the digests of all tags that the run looked up."""
    triaged = run_plan.context.known_lookups.descriptors
    resolutions = run_plan.decision_result.resolutions
    resolved = {tag_ref: each.digest for tag_ref, each in resolutions.items() if isinstance(each, ResolvedTag)}
    return {**{tag_ref: each.digest for tag_ref, each in triaged.items()}, **resolved}


def _plan_repositories(
    decided_scans: Sequence[DecidedScan[RepositoryScan]],
    decision_result: DecisionResult,
    context: RunContext,
    options: RunOptions,
) -> Sequence[RepositoryPlan]:
    """Plan the steps in every repository. An error in one repository does not affect the others."""

    def plan_one(decided_scan: DecidedScan[RepositoryScan]) -> RepositoryPlan:
        planner = RepositoryPlanner(decided_scan.scan, options, context, decision_result.resolutions)
        return planner.plan_repository(decided_scan.decisions, decision_result.evidence)

    return FORGE_POOL.run_phase(ProgressStep.READ_PROPOSALS, plan_one, decided_scans, context.progress)


def _sort_reports(
    reports: Iterable[RepositoryReport], repositories: Iterable[GitRepository]
) -> tuple[RepositoryReport, ...]:
    """Return the reports in the order of the list of repositories, whether the repositories were read or not."""
    positions = {(each.forge, each.name, each.base_branch): position for position, each in enumerate(repositories)}
    return tuple(sorted(reports, key=lambda each: positions[each.forge, each.name, each.base_branch]))
