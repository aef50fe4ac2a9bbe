"""One run over all fleets; each phase ends for all repositories before the next one begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from bot.core.choice.verdict import build_verdict
from bot.core.proposal.refusals import report_refusals
from bot.model.decision import Decision
from bot.model.errors import ConfigError, ForgeError, TreeError
from bot.model.forge import GitRepository
from bot.model.report import RepositoryReport, RunFailure, RunReport
from bot.model.run_scope import RunScope
from bot.model.vocabulary import FailureStage
from bot.pipeline.build_tasks import BuildTasks, add_build_tasks, list_build_tasks
from bot.pipeline.dashboard_sync import merge_base_branches, sync_dashboard
from bot.pipeline.decide_updates import DecisionResult, RunContext, decide_updates
from bot.pipeline.execute_steps import ExecutionResult, execute_steps
from bot.pipeline.expedite_urgent import expedite_urgent
from bot.pipeline.extract import ExtractResult, extract_references
from bot.pipeline.repository_plan import (
    RepositoryPlan,
    RepositoryScan,
    apply_limits,
    list_branch_plans,
    plan_repository,
    replace_branch_plans,
)
from bot.pipeline.run_options import RunOptions
from bot.pipeline.worker_pool import FORGE_POOL
from bot.ports import Fleet

OWN_FILE_BROKEN = "Nothing is done in this repository until its own config file is fixed."
NO_OWN_FILE = "It has no config file of its own, which the rollout requires."
NO_BRANCH = (
    "It has no base branch to read: HEAD points to no branch with a commit, or no branch matches `base_branches`."
)


def run_fleets(fleets: Sequence[Fleet], context: RunContext, options: RunOptions) -> RunReport:
    """Run over the repositories of all fleets and return the report."""
    started = context.clock.now()
    build_tasks = list_build_tasks(context.builders, context.progress)
    scan_result = _scan_fleets(fleets, context, options, build_tasks)
    decision_result = decide_updates(
        [each.extract_result for each in scan_result.repository_scans], context, options.policy_config
    )
    repository_plans = _plan_repositories(scan_result.repository_scans, decision_result, context, options)
    expedite_result = expedite_urgent(list_branch_plans(repository_plans), decision_result.resolutions, context)
    repository_plans = replace_branch_plans(repository_plans, expedite_result.branch_plans)
    repository_plans = replace_branch_plans(
        repository_plans, apply_limits(repository_plans, options, context.clock.now())
    )
    execution_results = _execute_steps(repository_plans, context, options)
    reports = tuple(
        _build_report(repository_plan, each, options)
        for repository_plan, each in zip(repository_plans, execution_results, strict=True)
    )
    failures = [*build_tasks.failures, *scan_result.failures, *decision_result.failures]
    failures += [
        each for each in expedite_result.failures if each not in decision_result.failures
    ]  # the same list may fail in both
    failures += [failure for each in execution_results for failure in each.failures]
    for repository_plan, report in merge_base_branches(repository_plans, reports):
        failures += sync_dashboard(repository_plan, report, options)
    ended = context.clock.now()
    return RunReport(options.level, reports, dict(decision_result.evidence), tuple(failures), started, ended)


def _plan_repositories(
    repository_scans: Sequence[RepositoryScan],
    decision_result: DecisionResult,
    context: RunContext,
    options: RunOptions,
) -> list[RepositoryPlan]:
    """Plan the work in every repository; an error in one does not stop the others."""
    context.progress.start_phase("Reading proposals", len(repository_scans))

    def plan_one(item: tuple[RepositoryScan, Sequence[Decision]]) -> RepositoryPlan:
        try:
            repository_scan, decisions = item
            return plan_repository(repository_scan, decisions, decision_result.evidence, options, context.clock.now())
        finally:
            context.progress.advance()

    repository_plans = FORGE_POOL.map(plan_one, zip(repository_scans, decision_result.decisions, strict=True))
    context.progress.finish_phase()
    return repository_plans


def _execute_steps(
    repository_plans: Sequence[RepositoryPlan], context: RunContext, options: RunOptions
) -> list[ExecutionResult]:
    """Execute the steps of one repository after the other, because forges reject parallel writes."""
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
    )


@dataclass(frozen=True, slots=True)
class _ScanResult:
    repository_scans: tuple[RepositoryScan, ...]
    failures: tuple[RunFailure, ...]


def _scan_fleets(
    fleets: Sequence[Fleet], context: RunContext, options: RunOptions, build_tasks: BuildTasks
) -> _ScanResult:
    scope = options.scope
    selected = [
        (fleet, each)
        for fleet, each in _deduplicate(
            (fleet, each) for fleet in fleets for each in fleet.list_repositories(scope.names)
        )
        if isinstance(each, RunFailure) or not (each.base_branch or "").startswith(options.branch_prefix)
    ]
    in_scope = [
        (fleet, each) for fleet, each in selected if isinstance(each, RunFailure) or scope.may_include(each.name)
    ]
    context.progress.start_phase("Reading repositories", len(in_scope))

    def scan_one(item: tuple[Fleet, GitRepository | RunFailure]) -> RepositoryScan | RunFailure:
        fleet, repository = item
        try:
            return (
                repository
                if isinstance(repository, RunFailure)
                else _scan_repository(fleet, repository, context, build_tasks, options)
            )
        finally:
            context.progress.advance()

    outcomes = FORGE_POOL.map(scan_one, in_scope)
    context.progress.finish_phase()
    failures = [each for each in outcomes if isinstance(each, RunFailure)]
    repositories = [each for _, each in selected if isinstance(each, GitRepository)]
    names = {name for each in repositories for name in (each.name, each.configured_name) if name}
    failures += _report_unselected(scope.names, names, failures)
    repository_scans = [each for each in outcomes if isinstance(each, RepositoryScan)]
    return _ScanResult(
        tuple(repository_scans if scope.image is None else _select_using(repository_scans, scope)), tuple(failures)
    )


def _select_using(repository_scans: Iterable[RepositoryScan], scope: RunScope) -> Iterable[RepositoryScan]:
    """Return the scans of repositories that use the image of the scope on any of their base branches."""
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


def _deduplicate(
    repositories: Iterable[tuple[Fleet, GitRepository | RunFailure]],
) -> Iterator[tuple[Fleet, GitRepository | RunFailure]]:
    """Yield the repositories of all fleets; a repository that several config entries select is yielded once."""
    known_keys: set[tuple[str, str, str, str | None]] = set()
    for fleet, each in repositories:
        if isinstance(each, GitRepository) and each.host is not None:
            key = (each.forge, each.host, each.name.lower(), each.base_branch)
            if key in known_keys:
                continue
            known_keys.add(key)
        yield fleet, each


def _report_unselected(
    names: frozenset[str], selected_names: Iterable[str], failures: Iterable[RunFailure]
) -> list[RunFailure]:
    """Return a failure for each requested name that is not selected; names are compared case-insensitively."""
    known_names = {name.lower() for name in (*selected_names, *(failure.subject for failure in failures))}
    missing = sorted(name for name in names if name.lower() not in known_names)
    return [RunFailure(name, FailureStage.SURVEY, "the config does not select this repository") for name in missing]


def _scan_repository(
    fleet: Fleet, repository: GitRepository, context: RunContext, build_tasks: BuildTasks, options: RunOptions
) -> RepositoryScan | RunFailure:
    if repository.base_branch is None:
        return RepositoryScan(fleet, ExtractResult(repository, has_unread_files=True))
    try:
        tree = fleet.open_tree(repository)
        extract_result = extract_references(repository, tree, context.formats, context.read_rules)
        if options.rollout.needs_own_file and not extract_result.has_repository_config:
            return RepositoryScan(fleet, ExtractResult(repository, blocked_reason=NO_OWN_FILE, has_unread_files=True))
        return RepositoryScan(fleet, add_build_tasks(extract_result, tree, build_tasks))
    except ConfigError as error:
        return RepositoryScan(
            fleet,
            ExtractResult(
                repository,
                blocked_reason=f"{OWN_FILE_BROKEN} {error}",
                has_repository_config=True,
                has_unread_files=True,
            ),
        )
    except (TreeError, ForgeError) as error:
        return RunFailure(repository.name, FailureStage.SURVEY, str(error))
