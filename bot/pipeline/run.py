"""One run over the repositories of all fleets. Each phase ends for all repositories before the next phase begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from bot.core.budgets import RunBudget, TreeBudget
from bot.core.choice.verdict import build_verdict
from bot.core.proposal.refusals import report_refusals
from bot.model.decision import Decision
from bot.model.errors import ConfigError, ForgeError, TreeError
from bot.model.forge import GitRepository
from bot.model.report import RepositoryReport, RunFailure, RunReport
from bot.model.run_scope import RunScope
from bot.model.vocabulary import FailureStage
from bot.pipeline.branch_list import list_base_branches
from bot.pipeline.build_tasks import BuildTasks, add_build_tasks, list_build_tasks
from bot.pipeline.dashboard_sync import sync_dashboards
from bot.pipeline.decide_updates import DecisionResult, decide_updates
from bot.pipeline.execute_steps import ExecutionResult, execute_steps
from bot.pipeline.expedite_urgent import expedite_urgent
from bot.pipeline.extract import ExtractResult, extract_references
from bot.pipeline.opening_limits import apply_limits, give_back_unopened
from bot.pipeline.pushed_branches import record_pushes
from bot.pipeline.record_visits import VisitRecorder
from bot.pipeline.repository_plan import BranchPlan, RepositoryPlan, RepositoryPlanner, RepositoryScan
from bot.pipeline.request_records import VisitedBranch
from bot.pipeline.run_context import RunContext, RunOptions
from bot.pipeline.triage import ListedBranch, TriageResult, select_branches
from bot.pipeline.worker_pool import FORGE_POOL
from bot.ports import Fleet

OWN_FILE_BROKEN = "Nothing is done in this repository until its own config file is fixed."
NO_OWN_FILE = "It has no config file of its own, which the rollout requires."
NO_BRANCH = (
    "It has no base branch to read: HEAD points to no branch with a commit, or no branch matches `base_branches`."
)


def run_fleets(fleets: Sequence[Fleet], context: RunContext, options: RunOptions) -> RunReport:
    """Run all phases over the repositories of all fleets, and return the report."""
    started = context.now
    build_tasks = list_build_tasks(context.builders, context.progress)
    scan_result = _scan_fleets(fleets, context, options, build_tasks)
    triage_result = scan_result.triage_result
    context = replace(context, known_lookups=triage_result.known_lookups)
    decision_result = decide_updates(
        [each.extract_result for each in scan_result.repository_scans], context, options.policy_config
    )
    visit_recorder = VisitRecorder(context, options, decision_result)
    context = replace(context, now=context.clock.now())  # scans may have taken hours
    repository_plans = _plan_repositories(scan_result.repository_scans, decision_result, context, options)
    expedite_result = expedite_urgent(_list_branch_plans(repository_plans), decision_result.resolutions, context)
    repository_plans = _replace_branch_plans(repository_plans, expedite_result.branch_plans)
    limit_result = apply_limits(repository_plans, context, options)
    repository_plans = _replace_branch_plans(repository_plans, limit_result.branch_plans)
    execution_results = _execute_steps(repository_plans, context, options)
    reports = tuple(
        _build_report(repository_plan, each, options)
        for repository_plan, each in zip(repository_plans, execution_results, strict=True)
    )
    failures = [*build_tasks.failures, *scan_result.failures, *decision_result.failures]
    failures += [
        each for each in expedite_result.failures if each not in decision_result.failures
    ]  # a list that could not be read fails in both phases
    failures += [failure for each in execution_results for failure in each.failures]
    failures += limit_result.failures
    failures += give_back_unopened(limit_result.openings, repository_plans, execution_results, context)
    failures += record_pushes(repository_plans, execution_results, context)
    failures += sync_dashboards(repository_plans, reports, decision_result.evidence, options)
    visited = [
        VisitedBranch(plan.repository_scan.listed, plan, result, report)
        for plan, result, report in zip(repository_plans, execution_results, reports, strict=True)
    ]
    failures += visit_recorder.record_visits(visited, triage_result)
    return RunReport(
        options.level,
        _sort_reports((*reports, *triage_result.reports), scan_result.repositories),
        {**triage_result.evidence, **decision_result.evidence},
        tuple(failures),
        started,
        context.clock.now(),
        uses_default_scanner=context.uses_default_scanner,
    )


def _plan_repositories(
    repository_scans: Sequence[RepositoryScan],
    decision_result: DecisionResult,
    context: RunContext,
    options: RunOptions,
) -> list[RepositoryPlan]:
    """Plan the steps in every repository. An error in one repository does not affect the others."""

    def plan_one(item: tuple[RepositoryScan, Sequence[Decision]]) -> RepositoryPlan:
        repository_scan, decisions = item
        planner = RepositoryPlanner(repository_scan, options, context, decision_result.resolutions)
        return planner.plan_repository(decisions, decision_result.evidence)

    items = zip(repository_scans, decision_result.decisions, strict=True)
    return FORGE_POOL.run_phase("Reading proposals", plan_one, items, context.progress)


def _list_branch_plans(repository_plans: Iterable[RepositoryPlan]) -> list[BranchPlan]:
    """Return the branch plans of all repositories in one list."""
    return [branch_plan for each in repository_plans for branch_plan in each.branch_plans]


def _replace_branch_plans(
    repository_plans: Sequence[RepositoryPlan], branch_plans: Iterable[BranchPlan]
) -> list[RepositoryPlan]:
    """Return copies of the repository plans that contain `branch_plans` instead of their own branch plans.

    `branch_plans` contains a new plan for each plan that `_list_branch_plans` returns, in the same order.
    """
    remaining = iter(branch_plans)
    return [replace(each, branch_plans=tuple(islice(remaining, len(each.branch_plans)))) for each in repository_plans]


def _execute_steps(
    repository_plans: Sequence[RepositoryPlan], context: RunContext, options: RunOptions
) -> list[ExecutionResult]:
    """Execute the plans one repository at a time, because forges reject parallel writes."""
    context.progress.start_phase("Proposing", len(repository_plans))
    results: list[ExecutionResult] = []
    for repository_plan in repository_plans:
        name, forge = repository_plan.repository_scan.repository.name, repository_plan.forge
        result = (
            execute_steps(name, forge, repository_plan.branch_plans, options.level)
            if forge is not None
            else ExecutionResult()
        )
        results.append(replace(result, failures=(*repository_plan.failures, *result.failures)))
        context.progress.advance()
    context.progress.finish_phase()
    return results


def _build_report(
    repository_plan: RepositoryPlan, execution_result: ExecutionResult, options: RunOptions
) -> RepositoryReport:
    repository, extract_result = (
        repository_plan.repository_scan.repository,
        repository_plan.repository_scan.extract_result,
    )
    reported_branches = {each.branch for each in execution_result.reports}
    refusal_reports = report_refusals(
        repository_plan.proposal_plan.decisions, repository.non_default_base, options.branch_prefix, reported_branches
    )
    return RepositoryReport(
        forge=repository.forge,
        name=repository.name,
        base_branch=repository.base_branch,
        verdicts=tuple(build_verdict(decision) for decision in repository_plan.proposal_plan.decisions),
        unsupported=extract_result.unsupported,
        proposals=tuple(sorted((*execution_result.reports, *refusal_reports), key=lambda each: each.branch)),
        note=extract_result.blocked_reason if repository.base_branch else NO_BRANCH,
        configured_name=repository.configured_name,
        files_url=repository.files_url,
    )


def _sort_reports(
    reports: Iterable[RepositoryReport], repositories: Iterable[GitRepository]
) -> tuple[RepositoryReport, ...]:
    """Return the reports in the order of the list of repositories, whether the repositories were read or not."""
    positions = {(each.forge, each.name, each.base_branch): position for position, each in enumerate(repositories)}
    return tuple(sorted(reports, key=lambda each: positions[each.forge, each.name, each.base_branch]))


@dataclass(frozen=True, slots=True)
class _ScanResult:
    repository_scans: tuple[RepositoryScan, ...]
    failures: tuple[RunFailure, ...]
    triage_result: TriageResult
    repositories: tuple[GitRepository, ...]
    """All listed repositories, whether they were read or not."""


def _scan_fleets(
    fleets: Sequence[Fleet], context: RunContext, options: RunOptions, build_tasks: BuildTasks
) -> _ScanResult:
    scope = options.scope
    branch_list = list_base_branches(fleets, context, options)
    triage_result = select_branches(branch_list.list_in_scope(scope), context, options, build_tasks)
    run_budget = RunBudget()

    def scan_one(listed: ListedBranch) -> RepositoryScan | RunFailure:
        return _scan_repository(listed, context, build_tasks, options, TreeBudget(run_budget))

    outcomes = FORGE_POOL.run_phase("Reading repositories", scan_one, triage_result.to_read, context.progress)
    failures = [*branch_list.failures, *triage_result.failures]
    failures += [each for each in outcomes if isinstance(each, RunFailure)]
    failures += branch_list.report_unselected(scope.names, failures)
    repository_scans = [each for each in outcomes if isinstance(each, RepositoryScan)]
    return _ScanResult(
        tuple(repository_scans if scope.image is None else _select_scans_using_image(repository_scans, scope)),
        tuple(failures),
        triage_result,
        tuple(each for _, each in branch_list.branches),
    )


def _select_scans_using_image(repository_scans: Iterable[RepositoryScan], scope: RunScope) -> Iterable[RepositoryScan]:
    """Return the scans of the repositories in which a file uses the image that limits the run (`scope.image`).

    If one base branch of a repository uses the image, the scans of all its base branches are returned.
    """
    matches = [
        (
            repository_scan,
            any(scope.is_image_in_scope(each.reference) for each in repository_scan.extract_result.occurrences),
        )
        for repository_scan in repository_scans
    ]
    using = {
        (id(repository_scan.fleet), repository_scan.repository.name)
        for repository_scan, is_using in matches
        if is_using
    }
    return [
        repository_scan
        for repository_scan, _ in matches
        if (id(repository_scan.fleet), repository_scan.repository.name) in using
    ]


def _scan_repository(
    listed: ListedBranch,
    context: RunContext,
    build_tasks: BuildTasks,
    options: RunOptions,
    tree_budget: TreeBudget,
) -> RepositoryScan | RunFailure:
    repository = listed.repository
    if repository.base_branch is None:
        return RepositoryScan(listed, ExtractResult(repository, has_unread_files=True))
    try:
        tree = listed.fleet.open_tree(repository)
        extract_result = extract_references(
            repository, tree, context.formats, context.read_rules, tree_budget, reader_slots=context.reader_slots
        )
        if options.rollout.needs_own_file and not extract_result.has_repository_config:
            return RepositoryScan(listed, ExtractResult(repository, blocked_reason=NO_OWN_FILE, has_unread_files=True))
        return RepositoryScan(listed, add_build_tasks(extract_result, tree, build_tasks))
    except ConfigError as error:
        return RepositoryScan(
            listed,
            ExtractResult(
                repository,
                blocked_reason=f"{OWN_FILE_BROKEN} {error}",
                has_repository_config=True,
                has_unread_files=True,
            ),
        )
    except (TreeError, ForgeError) as error:
        return RunFailure(repository.name, FailureStage.SURVEY, str(error))
