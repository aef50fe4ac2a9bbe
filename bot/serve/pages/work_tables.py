"""Tables of pending, running and finished work, and the page that lists them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.core.markdown import make_one_line
from bot.model.work import FinishedWork, PendingWork, QueueFigures, WorkPriority
from bot.serve.http import HttpRequest
from bot.serve.pages.cells import (
    build_time_part,
    describe_span,
    show_count,
    show_identifier,
    show_reason,
    show_text,
    show_time,
    show_work,
)
from bot.serve.pages.content import Cell, CellStyle, Column, Figure, PageContent, PageLink, Pager, Part, Tab, Table
from bot.serve.pages.ports import MAX_RECORD_PAGE, PAGE_ROWS, ListPage, PagePorts, build_address

_WAITING_COLUMNS = (
    *(Column("Work"), Column("Why"), Column("Priority"), Column("Requested"), Column("Due")),
    Column("Trace"),
)
_RUNNING_COLUMNS = (Column("Work"), Column("Why"), Column("Priority"), Column("Requested"), Column("Worker"))
_FAILING_COLUMNS = (Column("Work"), Column("Last error"), Column("Attempts", is_number=True), Column("Next attempt"))
_FINISHED_COLUMNS = (
    *(Column("Work"), Column("Result"), Column("Why"), Column("Proposals", is_number=True)),
    *(Column("Took", is_number=True), Column("Ended"), Column("Trace")),
)
_PRIORITIES: Mapping[WorkPriority, str] = {
    WorkPriority.SWEEP: "regular",
    WorkPriority.CHANGE: "change",
    WorkPriority.CRITICAL: "critical fix",
    WorkPriority.EXPLOITED: "exploited fix",
    WorkPriority.USER: "asked by a user",
}
FINISHED = "finished"
"""The value of the parameter `show` for the list of finished work."""


def build_queue(ports: PagePorts, request: HttpRequest, _parts: Mapping[str, str]) -> PageContent:
    """Return the page with the pending work, or with the finished work."""
    is_finished = request.query.get("show") == FINISHED
    now, figures = ports.clock.now(), ports.queue.compute_figures()
    page = ListPage.parse(request, MAX_RECORD_PAGE)
    tables = (
        _list_finished(ports, request, page, now) if is_finished else _list_pending(ports, request, page, figures, now)
    )
    return PageContent(
        title="Queue",
        link=PageLink.QUEUE,
        figures=_build_figures(figures),
        tabs=(
            Tab("Pending work", build_address(request, show="", page=""), not is_finished),
            Tab("Finished work", build_address(request, show=FINISHED, page=""), is_finished),
        ),
        tables=tables,
    )


def _build_figures(figures: QueueFigures) -> tuple[Figure, ...]:
    address = PageLink.QUEUE.address
    next_due = figures.next_due_in
    due_note = f"the next in {describe_span(next_due)}" if next_due else "now"
    oldest = describe_span(figures.oldest_due_age) if figures.due else "none"
    return (
        Figure("Waiting", f"{figures.waiting:,}", "pieces of work", address),
        Figure("Due", f"{figures.due:,}", due_note if figures.waiting else "nothing waits", address),
        Figure("Being done", f"{figures.claimed:,}", "by all workers", address),
        Figure("Oldest due work", oldest, "has been waiting", address),
    )


def _list_pending(
    ports: PagePorts, request: HttpRequest, page: ListPage, figures: QueueFigures, now: datetime
) -> tuple[Table, ...]:
    rows = ports.log.list_pending(page.end)[page.section.offset :]
    waiting = [each for each in rows if each.worker is None]
    total = figures.waiting + figures.claimed
    return (
        _build_running_table(ports.service.list_running(PAGE_ROWS), now),
        _build_failing_table(ports.service.list_failing(PAGE_ROWS), now),
        build_waiting_table(waiting, now, pager=page.build_pager(request, total)),
    )


def _list_finished(ports: PagePorts, request: HttpRequest, page: ListPage, now: datetime) -> tuple[Table, ...]:
    rows = ports.log.list_finished(page.end + 1)
    pager = page.build_pager(request, len(rows), is_total_known=False)
    return (build_finished_table(rows[page.section.offset : page.end], now, pager=pager),)


def build_waiting_table(
    rows: Sequence[PendingWork], now: datetime, *, more: Part | None = None, pager: Pager | None = None
) -> Table:
    return Table(
        name="waiting",
        heading="What waits",
        columns=_WAITING_COLUMNS,
        rows=[
            (
                *_show_request(each, now),
                _show_due(each, now),
                show_identifier(each.trace),
            )
            for each in rows
        ],
        empty="Nothing waits.",
        note="In the order in which workers do it." if rows else "",
        more=more if rows else None,
        pager=pager,
    )


def _build_running_table(rows: Sequence[PendingWork], now: datetime) -> Table:
    return Table(
        name="running",
        heading="What workers are doing",
        columns=_RUNNING_COLUMNS,
        rows=[
            (
                *_show_request(each, now),
                show_text(each.worker or ""),
            )
            for each in rows
        ],
        empty="No worker is doing anything.",
    )


def _build_failing_table(rows: Sequence[PendingWork], now: datetime) -> Table:
    return Table(
        name="failing",
        heading="What failed and is tried again",
        columns=_FAILING_COLUMNS,
        rows=[
            (
                show_work(each.key),
                show_text(_describe_failure(each), CellStyle.ALARM),
                show_count(each.attempts + each.interruptions),
                show_time(each.due_at, now) if each.due_at > now else show_text("now"),
            )
            for each in rows
        ],
        empty="No pending work failed.",
    )


def build_finished_table(rows: Sequence[FinishedWork], now: datetime, *, pager: Pager | None = None) -> Table:
    return Table(
        name="finished",
        heading="Finished work, the newest first",
        columns=_FINISHED_COLUMNS,
        rows=[
            (
                show_work(each.key),
                _show_result(each),
                show_reason(each.reason),
                show_count(each.opened),
                show_text(describe_span(max(each.ended_at - each.started_at, timedelta()))),
                show_time(each.ended_at, now),
                show_identifier(each.trace),
            )
            for each in rows
        ],
        empty="No work was finished yet.",
        pager=pager,
    )


def _show_result(finished: FinishedWork) -> Cell:
    result = Part(make_one_line(finished.result), CellStyle.ALARM if finished.is_failure else CellStyle.PLAIN)
    failure = (Part("failed", CellStyle.ALARM, is_badge=True),) if finished.is_failure else ()
    return Cell((*failure, result))


def _show_request(work: PendingWork, now: datetime) -> tuple[Cell, ...]:
    """Return the cells about the request for a piece of work: its cause, priority and times."""
    return (
        show_work(work.key),
        show_reason(work.reason),
        _show_priority(work.priority),
        show_time(work.requested_at, now),
    )


def _show_priority(priority: WorkPriority) -> Cell:
    is_urgent = priority in {WorkPriority.CRITICAL, WorkPriority.EXPLOITED}
    return show_text(_PRIORITIES[priority], CellStyle.CRITICAL if is_urgent else CellStyle.PLAIN)


def _show_due(work: PendingWork, now: datetime) -> Cell:
    if work.worker is not None:
        return show_text("being done", CellStyle.GOOD)
    due = build_time_part(work.due_at, now) if work.due_at > now else Part("now")
    return Cell((*_build_badge("failed", work.attempts), *_build_badge("interrupted", work.interruptions), due))


def _build_badge(word: str, count: int) -> tuple[Part, ...]:
    """Return a badge such as `failed 3 times`; nothing if the count is zero."""
    times = "once" if count == 1 else f"{count:,} times"
    return (Part(f"{word} {times}", CellStyle.ALARM, is_badge=True),) if count else ()


def _describe_failure(work: PendingWork) -> str:
    """Return why the last attempts at a piece of work did not succeed."""
    if not work.interruptions:
        return work.error or ""
    times = f", {work.interruptions:,} times in a row" if work.interruptions > 1 else ""
    earlier = f"; before that: {work.error}" if work.error is not None else ""
    return f"the process ended during this work{times}{earlier}"
