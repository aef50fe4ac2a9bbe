"""Keep the dashboard issue of each repository up to date."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import assert_never

from bot.core.proposal.dashboard import (
    CONFIG_ERROR_TITLE,
    DASHBOARD_TITLE,
    EMPTY_BODY,
    DashboardStep,
    DashboardView,
    add_marker,
    build_dashboard,
    choose_dashboard_step,
)
from bot.core.proposal.render import render_dashboard
from bot.model.dashboard import DashboardIssue
from bot.model.errors import ForgeError
from bot.model.report import RepositoryReport, RunFailure
from bot.model.vocabulary import RunLevel
from bot.pipeline.repository_plan import RepositoryPlan, report_dashboard_failure
from bot.pipeline.run_context import RunOptions
from bot.ports import Dashboard

MARKER_RESERVE = 200
"""Characters of the issue body that are reserved for the mark, an HTML comment that identifies the issue."""


def sync_dashboard(
    repository_plan: RepositoryPlan, report: RepositoryReport, options: RunOptions
) -> tuple[RunFailure, ...]:
    """Create, update or close the dashboard issue if its content changed. Return a failure if that is not possible."""
    is_skipped = bool(report.note) and not repository_plan.repository_scan.extract_result.has_repository_config
    if repository_plan.dashboard is None or repository_plan.forge is None or is_skipped:
        return ()
    try:
        limit = repository_plan.forge.limits.body_characters
        is_public = repository_plan.repository_scan.repository.may_be_public
        _sync_issue(
            repository_plan.dashboard, repository_plan.dashboard_issue, report, limit, options, is_public=is_public
        )
    except ForgeError as error:
        return (report_dashboard_failure(repository_plan.repository_scan.repository, error),)
    return ()


def merge_base_branches(
    repository_plans: Iterable[RepositoryPlan], reports: Iterable[RepositoryReport]
) -> Iterator[tuple[RepositoryPlan, RepositoryReport]]:
    """Yield one plan and one report for each repository, because all its base branches share one dashboard issue.

    The report combines the reports of all base branches. The plan is used only to access the dashboard issue. If the
    issue could be read in some of the plans, the first of these plans is yielded. If it could not be read in any plan,
    the first plan is yielded.
    """
    by_repository: dict[tuple[int, str], list[tuple[RepositoryPlan, RepositoryReport]]] = {}
    for repository_plan, report in zip(repository_plans, reports, strict=True):
        by_repository.setdefault((id(repository_plan.repository_scan.fleet), report.name), []).append(
            (repository_plan, report)
        )
    for (repository_plan, report), *others in by_repository.values():
        other_reports = [each for _, each in others]
        yield (
            next(
                (each for each, _ in [(repository_plan, report), *others] if each.dashboard is not None),
                repository_plan,
            ),
            replace(
                report,
                verdicts=tuple(verdict for each in [report, *other_reports] for verdict in each.verdicts),
                proposals=tuple(proposal for each in [report, *other_reports] for proposal in each.proposals),
                note="\n".join(dict.fromkeys(each.note for each in [report, *other_reports] if each.note)),
            ),
        )


def _sync_issue(
    dashboard: Dashboard,
    issue: DashboardIssue | None,
    report: RepositoryReport,
    limit: int,
    options: RunOptions,
    *,
    is_public: bool,
) -> None:
    if options.level < RunLevel.PROPOSE or not (options.has_dashboards or report.note or issue is not None):
        return
    body = _render_body(report, limit, options, is_public=is_public)
    match choose_dashboard_step(issue, body):
        case DashboardStep.LEAVE:
            return
        case DashboardStep.WRITE:
            dashboard.write(issue, CONFIG_ERROR_TITLE if report.note else DASHBOARD_TITLE, body or "")
        case DashboardStep.CLOSE:
            if issue is not None:
                dashboard.close(issue, EMPTY_BODY)
        case step:
            assert_never(step)


def _render_body(report: RepositoryReport, limit: int, options: RunOptions, *, is_public: bool) -> str | None:
    """Return the body of the dashboard issue. Return None if the issue would have nothing to show."""
    view = build_dashboard(report, 1)
    if view.is_empty or not (options.has_dashboards or view.trouble):
        return None
    template = options.templates.dashboard

    def build_limited_view(rows: int) -> DashboardView:
        return build_dashboard(report, rows, is_public=is_public)

    return add_marker(render_dashboard(template, build_limited_view, limit - MARKER_RESERVE))
