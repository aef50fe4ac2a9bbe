"""Board: keep the one issue of a repository current."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import assert_never

from bot.core.proposal.dashboard import (
    NOTHING,
    TITLE,
    TROUBLE,
    BoardStep,
    DashboardView,
    build_dashboard,
    marked,
    next_board,
)
from bot.core.proposal.render import render_dashboard
from bot.model.dashboard import Board
from bot.model.errors import ForgeError
from bot.model.report import Failed, RepositoryReport
from bot.model.vocabulary import Level
from bot.pipeline.agenda import Agenda, no_board
from bot.pipeline.orders import Orders
from bot.ports import Dashboard

BOARD_RESERVE = 200
"""Characters of the issue that stay free for its mark."""


def keep_board(agenda: Agenda, report: RepositoryReport, orders: Orders) -> tuple[Failed, ...]:
    """Write the issue, or close it, where that changes anything; return why that could not be done."""
    is_left_out = bool(report.note) and not agenda.visit.survey.has_own_file
    if agenda.dashboard is None or agenda.forge is None or is_left_out:
        return ()
    try:
        limit = agenda.forge.limits.body_characters
        is_public = agenda.visit.repository.may_be_public
        _keep(agenda.dashboard, agenda.board, report, limit, orders, is_public=is_public)
    except ForgeError as error:
        return (no_board(agenda.visit.repository, error),)
    return ()


def one_for_each_repository(
    agendas: Iterable[Agenda], reports: Iterable[RepositoryReport]
) -> Iterator[tuple[Agenda, RepositoryReport]]:
    """Yield what the issue of each repository is about: all of its base branches together."""
    together: dict[tuple[int, str], list[tuple[Agenda, RepositoryReport]]] = {}
    for agenda, report in zip(agendas, reports, strict=True):
        together.setdefault((id(agenda.visit.fleet), report.name), []).append((agenda, report))
    for (agenda, report), *others in together.values():
        more = [each for _, each in others]
        yield (
            next((each for each, _ in [(agenda, report), *others] if each.dashboard is not None), agenda),
            replace(
                report,
                verdicts=tuple(verdict for each in [report, *more] for verdict in each.verdicts),
                proposals=tuple(proposal for each in [report, *more] for proposal in each.proposals),
                note="\n".join(dict.fromkeys(each.note for each in [report, *more] if each.note)),
            ),
        )


def _keep(
    dashboard: Dashboard,
    board: Board | None,
    report: RepositoryReport,
    limit: int,
    orders: Orders,
    *,
    is_public: bool,
) -> None:
    if orders.level < Level.PROPOSE or not (orders.has_dashboards or report.note or board is not None):
        return
    body = _body(report, limit, orders, is_public=is_public)
    match next_board(board, body):
        case BoardStep.LEAVE:
            return
        case BoardStep.WRITE:
            dashboard.write(board, TROUBLE if report.note else TITLE, body or "")
        case BoardStep.CLOSE:
            if board is not None:
                dashboard.close(board, NOTHING)
        case step:
            assert_never(step)


def _body(report: RepositoryReport, limit: int, orders: Orders, *, is_public: bool) -> str | None:
    """Return what the issue should say, None where there is nothing to show."""
    view = build_dashboard(report, 1)
    if view.is_empty or not (orders.has_dashboards or view.trouble):
        return None
    template = orders.templates.dashboard

    def view_with(rows: int) -> DashboardView:
        return build_dashboard(report, rows, is_public=is_public)

    return marked(render_dashboard(template, view_with, limit - BOARD_RESERVE))
