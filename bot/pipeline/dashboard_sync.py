"""Keep the dashboard issue of each repository up to date."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import assert_never

from bot.core.proposal.dashboard import (
    CONFIG_ERROR_TITLE,
    DASHBOARD_TITLE,
    EMPTY_BODY,
    BranchReport,
    DashboardStep,
    add_mark,
    choose_dashboard_step,
)
from bot.core.proposal.render import render_dashboard
from bot.core.proposal.view.dashboard import DashboardView
from bot.core.proposal.view.dashboard_builder import build_dashboard
from bot.model.dashboard import DashboardIssue
from bot.model.decision import Transition
from bot.model.errors import ForgeError
from bot.model.evidence import Evidence
from bot.model.report import RepositoryReport, RunFailure
from bot.model.vocabulary import RunLevel
from bot.pipeline.repository_plan import RepositoryPlan, report_dashboard_failure
from bot.pipeline.run_context import RunOptions
from bot.ports import Dashboard

MARK_RESERVE = 200
"""Characters of the issue body that are reserved for the mark, an HTML comment that identifies the issue."""


def sync_dashboards(
    repository_plans: Sequence[RepositoryPlan],
    reports: Sequence[RepositoryReport],
    evidence: Mapping[Transition, Evidence],
    options: RunOptions,
) -> Iterator[RunFailure]:
    """Create, update or close the dashboard issue of each repository. Yield a failure if that is not possible.

    `reports` has the report for each of `repository_plans`, and `evidence` is that of the whole run. All base branches
    of a repository share one dashboard issue. It is accessed with the first of their plans in which it could be read.
    """
    by_repository: dict[tuple[int, str], list[tuple[RepositoryPlan, RepositoryReport]]] = defaultdict(list)
    for repository_plan, report in zip(repository_plans, reports, strict=True):
        by_repository[id(repository_plan.repository_scan.fleet), report.name].append((repository_plan, report))
    for pairs in by_repository.values():
        repository_plan = next((plan for plan, _ in pairs if plan.dashboard is not None), pairs[0][0])
        branches = [BranchReport(report, plan.repository_scan.repository.files_url, evidence) for plan, report in pairs]
        yield from _sync_repository(repository_plan, branches, options)


def _sync_repository(
    repository_plan: RepositoryPlan, branches: Sequence[BranchReport], options: RunOptions
) -> Iterator[RunFailure]:
    has_config = repository_plan.repository_scan.extract_result.has_repository_config
    is_skipped = any(each.report.note for each in branches) and not has_config
    if repository_plan.dashboard is None or repository_plan.forge is None or is_skipped:
        return
    try:
        limit = repository_plan.forge.limits.body_characters
        is_public = repository_plan.repository_scan.repository.may_be_public
        _sync_issue(
            repository_plan.dashboard, repository_plan.dashboard_issue, branches, limit, options, is_public=is_public
        )
    except ForgeError as error:
        yield report_dashboard_failure(repository_plan.repository_scan.repository, error)


def _sync_issue(
    dashboard: Dashboard,
    issue: DashboardIssue | None,
    branches: Sequence[BranchReport],
    limit: int,
    options: RunOptions,
    *,
    is_public: bool,
) -> None:
    has_trouble = any(each.report.note for each in branches)
    if options.level < RunLevel.PROPOSE or not (options.has_dashboards or has_trouble or issue is not None):
        return
    body = _render_body(branches, limit, options, is_public=is_public)
    match choose_dashboard_step(issue, body):
        case DashboardStep.LEAVE:
            return
        case DashboardStep.WRITE:
            dashboard.write(issue, CONFIG_ERROR_TITLE if has_trouble else DASHBOARD_TITLE, body or "")
        case DashboardStep.CLOSE:
            if issue is not None:
                dashboard.close(issue, EMPTY_BODY)
        case step:
            assert_never(step)


def _render_body(branches: Sequence[BranchReport], limit: int, options: RunOptions, *, is_public: bool) -> str | None:
    """Return the body of the dashboard issue. Return None if the issue would have nothing to show."""
    view = build_dashboard(branches, 1)
    if view.is_empty or not (options.has_dashboards or view.trouble):
        return None
    template = options.templates.dashboard

    def build_limited_view(rows: int) -> DashboardView:
        return build_dashboard(branches, rows, is_public=is_public)

    return add_mark(render_dashboard(template, build_limited_view, limit - MARK_RESERVE))
