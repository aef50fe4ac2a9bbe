"""Execute the plans of all repositories, and report the results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.core.choice.verdict import build_verdict
from bot.core.proposal.refusals import report_refusals
from bot.model.report import RepositoryReport, RunFailure
from bot.model.vocabulary import RunLevel
from bot.pipeline.execute_steps import ExecutionResult, execute_steps
from bot.pipeline.repository_plan import RepositoryPlan
from bot.ports import ProgressReporter

NO_BRANCH = (
    "It has no base branch to read: HEAD points to no branch with a commit, or no branch matches `base_branches`."
)


@dataclass(frozen=True, slots=True)
class ExecutedPlans:
    """The results of executing the plans of all repositories, in the order of the plans."""

    results: tuple[ExecutionResult, ...]
    reports: tuple[RepositoryReport, ...]

    @property
    def failures(self) -> tuple[RunFailure, ...]:
        return tuple(failure for each in self.results for failure in each.failures)


def execute_plans(
    repository_plans: Sequence[RepositoryPlan],
    base_reports: Sequence[RepositoryReport],
    progress: ProgressReporter,
    level: RunLevel,
) -> ExecutedPlans:
    """Execute the plans one repository at a time, because forges reject parallel writes.

    `base_reports` has the report on each repository without the proposals of its plan, which are added here.
    """
    progress.start_phase("Proposing", len(repository_plans))
    results: list[ExecutionResult] = []
    for repository_plan in repository_plans:
        name, forge = repository_plan.repository_scan.repository.name, repository_plan.forge
        result = (
            execute_steps(name, forge, repository_plan.branch_plans, level) if forge is not None else ExecutionResult()
        )
        results.append(replace(result, failures=(*repository_plan.failures, *result.failures)))
        progress.advance()
    progress.finish_phase()
    reports = (_add_proposals(*each) for each in zip(base_reports, results, strict=True))
    return ExecutedPlans(tuple(results), tuple(reports))


def build_base_report(repository_plan: RepositoryPlan, branch_prefix: str) -> RepositoryReport:
    """Return the report on a repository. Its proposals are only those that were refused, so that they have no step."""
    repository_scan = repository_plan.repository_scan
    repository, extract_result = repository_scan.repository, repository_scan.extract_result
    decisions = repository_plan.proposal_plan.decisions
    planned_branches = {each.branch for each in repository_plan.branch_plans}
    return RepositoryReport(
        forge=repository.forge,
        name=repository.name,
        base_branch=repository.base_branch,
        verdicts=tuple(build_verdict(decision) for decision in decisions),
        unsupported=extract_result.unsupported,
        proposals=tuple(report_refusals(decisions, repository.non_default_base, branch_prefix, planned_branches)),
        note=extract_result.blocked_reason if repository.base_branch else NO_BRANCH,
        configured_name=repository.configured_name,
        files_url=repository.files_url,
        stuck=repository_scan.listed.stuck,
    )


def _add_proposals(base_report: RepositoryReport, result: ExecutionResult) -> RepositoryReport:
    proposals = sorted((*base_report.proposals, *result.reports), key=lambda each: each.branch)
    return replace(base_report, proposals=tuple(proposals))
