"""Tables of basebump's proposals, and the page that lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bot.model.ci import CiOutcome
from bot.model.fleet_overview import RequestFilter, RequestSummary
from bot.model.inventory import StoredRequest
from bot.model.proposal import RequestState
from bot.reports.parts.decline_words import describe_request_state
from bot.serve.http import HttpRequest
from bot.serve.pages.cells import (
    build_cell,
    link_repository,
    link_request,
    show_due,
    show_fixes,
    show_targets,
    show_text,
    show_time,
)
from bot.serve.pages.content import Cell, CellStyle, Column, PageContent, PageLink, Tab, Table
from bot.serve.pages.ports import RECENT, ListPage, PagePorts, build_address

FINDINGS_LEFT_OUT = (
    "Findings of private repositories and private evidence are left out, because `serve.user_header` is not set."
)
_TITLES = {
    RequestFilter.OPEN: "Open",
    RequestFilter.OVERDUE: "Overdue",
    RequestFilter.FIXES: "Fixes",
    RequestFilter.MERGED: "Merged",
    RequestFilter.CLOSED: "Closed without merge",
}
_HEADINGS = {
    RequestFilter.OPEN: "Open proposals, the next due date first",
    RequestFilter.OVERDUE: "Overdue proposals",
    RequestFilter.FIXES: "Open proposals that fix vulnerabilities, the most severe first",
    RequestFilter.MERGED: "Merged proposals, the newest first",
    RequestFilter.CLOSED: "Proposals closed without a merge, the newest first",
}
_COLUMNS = (Column("Proposal"), Column("Repository"), Column("Image"), Column("Fixes"))
_OPEN_COLUMNS = (*_COLUMNS, Column("CI"), Column("Opened"), Column("Due"))
_ENDED_COLUMNS = (*_COLUMNS, Column("CI"), Column("Opened"), Column("State"), Column("Ended"))
_CI_STYLES = {CiOutcome.PASSED: CellStyle.GOOD, CiOutcome.FAILED: CellStyle.ALARM}


def build_proposals(ports: PagePorts, request: HttpRequest, _parts: Mapping[str, str]) -> PageContent:
    """Return the page that lists the proposals for all base branches."""
    shown, now, page = parse_filter(request), ports.clock.now(), ListPage.parse(request)
    listed = ports.fleet.list_requests(shown, now, page.section)
    frame = Table(
        name="proposals",
        heading=_HEADINGS[shown],
        empty="There are no such proposals.",
        pager=page.build_pager(request, listed.total),
    )
    has_ended = shown in {RequestFilter.MERGED, RequestFilter.CLOSED}
    table = fill_request_table(frame, ports, listed.entries, has_ended=has_ended)
    figures = ports.fleet.count_requests(now, now - RECENT)
    counts = {RequestFilter.OPEN: f" ({figures.open:,})", RequestFilter.OVERDUE: f" ({figures.overdue:,})"}
    tabs = tuple(
        Tab(title + counts.get(each, ""), build_address(request, show=each.value, page=""), each is shown)
        for each, title in _TITLES.items()
    )
    return PageContent(
        title="Proposals",
        link=PageLink.PROPOSALS,
        notices=list_notices(ports, listed.entries),
        tabs=tabs,
        tables=(table,),
    )


def parse_filter(request: HttpRequest) -> RequestFilter:
    """Return the filter in the query parameter `show`; open proposals if the parameter is missing or unknown."""
    word = request.query.get("show")
    return RequestFilter(word) if word in set(RequestFilter) else RequestFilter.OPEN


def list_notices(ports: PagePorts, requests: Sequence[RequestSummary]) -> tuple[str, ...]:
    """Return the sentence about findings that are left out; nothing if all findings are shown."""
    is_complete = all(ports.can_show_fixes(is_public=each.is_public) for each in requests)
    return () if is_complete else (FINDINGS_LEFT_OUT,)


def fill_request_table(
    table: Table, ports: PagePorts, requests: Sequence[RequestSummary], *, has_ended: bool = False
) -> Table:
    """Return the table with a row for each proposal. If `has_ended` is True, the proposals are merged or closed."""
    now = ports.clock.now()
    return replace(
        table,
        columns=_ENDED_COLUMNS if has_ended else _OPEN_COLUMNS,
        rows=[_build_row(ports, each, now, has_ended=has_ended) for each in requests],
    )


def _build_row(ports: PagePorts, listed: RequestSummary, now: datetime, *, has_ended: bool) -> tuple[Cell, ...]:
    request = listed.request
    return (
        build_cell(link_request(request)),
        build_cell(link_repository(listed.key)),
        show_targets(request),
        show_fixes(request.fixes, is_shown=ports.can_show_fixes(is_public=listed.is_public)),
        show_ci(request.ci),
        show_time(request.opened_at, now),
        *((show_state(request), show_time(request.ended_at, now)) if has_ended else (show_due(request.due_at, now),)),
    )


def show_ci(outcome: CiOutcome) -> Cell:
    if outcome is CiOutcome.UNKNOWN:
        return Cell()
    return show_text(outcome.value, _CI_STYLES.get(outcome, CellStyle.PLAIN))


def show_state(request: StoredRequest) -> Cell:
    style = CellStyle.GOOD if request.state is RequestState.MERGED else CellStyle.PLAIN
    return show_text(describe_request_state(request), style)
