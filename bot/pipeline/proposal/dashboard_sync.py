"""Keep the dashboard issue of each repository up to date."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from bot.core.proposal.dashboard import (
    CONFIG_ERROR_TITLE,
    DASHBOARD_TITLE,
    EMPTY_BODY,
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
from bot.model.forge import GitRepository
from bot.model.report import RepositoryReport, RunFailure
from bot.model.vocabulary import RunLevel
from bot.pipeline.proposal.execute_steps import RepositoryVisit
from bot.pipeline.proposal.repository_plan import report_dashboard_failure
from bot.pipeline.run_context import RunOptions
from bot.ports import Dashboard

MARK_RESERVE = 200
"""Characters of the issue body that are reserved for the mark, an HTML comment that identifies the issue."""


def sync_dashboards(
    visits: Sequence[RepositoryVisit], evidence: Mapping[Transition, Evidence], options: RunOptions
) -> Iterator[RunFailure]:
    """Create, update or close the dashboard issue of each repository.

    Yield a failure if a dashboard cannot be read or written. `evidence` is the evidence of the whole run. All base
    branches of a repository share one dashboard issue. The issue is accessed through the first of their plans that
    could read the issue.
    """
    for positions in group_by_repository(visits):
        yield from _sync_repository(_collect_board([visits[each] for each in positions], evidence), options)


def list_visits_with_dashboard_writes(
    visits: Sequence[RepositoryVisit], evidence: Mapping[Transition, Evidence], options: RunOptions
) -> Iterator[int]:
    """Yield the positions of the visits of repositories whose dashboards differ from their reports.

    These are the dashboards that `sync_dashboards` would write if executing the plans changed nothing else.
    """
    for positions in group_by_repository(visits):
        board = _collect_board([visits[each] for each in positions], evidence)
        if board is not None and _choose_step(board, options)[0] is not DashboardStep.LEAVE:
            yield from positions


def group_by_repository(visits: Sequence[RepositoryVisit]) -> Iterable[Sequence[int]]:
    """Return the positions of each repository's visits. Each base branch has a visit of its own."""
    positions: dict[tuple[int, str], list[int]] = defaultdict(list)
    for position, each in enumerate(visits):
        positions[id(each.listed.fleet), each.repository.name].append(position)
    return positions.values()


@dataclass(frozen=True, slots=True)
class _Board:
    """The dashboard of one repository: its issue, and the data that it shows."""

    repository: GitRepository
    dashboard: Dashboard
    issue: DashboardIssue | None
    reports: tuple[RepositoryReport, ...]
    """The reports on the base branches of the repository."""
    evidence: Mapping[Transition, Evidence]
    body_characters: int
    """The limit for the body of the issue."""

    @property
    def has_trouble(self) -> bool:
        """True if something prevents basebump from processing a base branch."""
        return any(each.note for each in self.reports)


def _collect_board(visits: Sequence[RepositoryVisit], evidence: Mapping[Transition, Evidence]) -> _Board | None:
    """Return the dashboard of a repository with these visits. Return None if it must not be written."""
    repository_plan = next((each.plan for each in visits if each.plan.dashboard is not None), visits[0].plan)
    reports = tuple(each.report for each in visits)
    has_config = repository_plan.repository_scan.extract_result.has_repository_config
    is_skipped = any(each.note for each in reports) and not has_config
    dashboard, forge = repository_plan.dashboard, repository_plan.forge
    if dashboard is None or forge is None or is_skipped:
        return None
    repository, issue = repository_plan.repository_scan.repository, repository_plan.dashboard_issue
    return _Board(repository, dashboard, issue, reports, evidence, forge.limits.body_characters)


def _sync_repository(board: _Board | None, options: RunOptions) -> Iterator[RunFailure]:
    if board is None:
        return
    try:
        step, body = _choose_step(board, options)
        match step:
            case DashboardStep.LEAVE:
                return
            case DashboardStep.WRITE:
                title = CONFIG_ERROR_TITLE if board.has_trouble else DASHBOARD_TITLE
                board.dashboard.write(board.issue, title, body or "")
            case DashboardStep.CLOSE:
                if board.issue is not None:
                    board.dashboard.close(board.issue, EMPTY_BODY)
            case _:
                assert_never(step)
    except ForgeError as error:
        yield report_dashboard_failure(board.repository, error)


def _choose_step(board: _Board, options: RunOptions) -> tuple[DashboardStep, str | None]:
    """Return the step for the issue, and the desired body of the issue."""
    is_possible = options.has_dashboards or board.has_trouble or board.issue is not None
    if options.level < RunLevel.PROPOSE or not is_possible:
        return DashboardStep.LEAVE, None
    body = _render_body(board, options)
    return choose_dashboard_step(board.issue, body), body


def _render_body(board: _Board, options: RunOptions) -> str | None:
    """Return the body of the dashboard issue. Return None if the issue would have nothing to show."""
    view = build_dashboard(board.reports, board.evidence, 1)
    if view.is_empty or not (options.has_dashboards or view.trouble):
        return None
    template, is_public = options.templates.dashboard, board.repository.may_be_public

    def build_limited_view(rows: int) -> DashboardView:
        return build_dashboard(board.reports, board.evidence, rows, is_public=is_public)

    return add_mark(render_dashboard(template, build_limited_view, board.body_characters - MARK_RESERVE))
