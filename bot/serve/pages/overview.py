"""The first page: the risk of the fleet, fixes over time, overdue proposals, and pending work."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from bot.model.fleet_overview import ImageOrder, ListSection, RequestFigures, RequestFilter
from bot.model.usage import InventoryCoverage
from bot.model.work import QueueFigures
from bot.reports.fleet.patch_times import PatchReport
from bot.serve.http import HttpRequest
from bot.serve.pages.cells import build_time_part, describe_span
from bot.serve.pages.content import Figure, PageContent, PageLink, Part, Table
from bot.serve.pages.event_tables import build_delivery_table
from bot.serve.pages.exposure import build_exposure_figures, load_summaries
from bot.serve.pages.image_tables import HEADINGS, build_image_list
from bot.serve.pages.ports import PREVIEW_ROWS, RECENT, PagePorts, link_rest
from bot.serve.pages.request_tables import fill_request_table, list_notices
from bot.serve.pages.stage_tables import (
    build_stage_figures,
    build_stuck_preview,
    build_unwanted_table,
    list_missing,
    load_stages,
)
from bot.serve.pages.work_tables import build_waiting_table

TRENDS_WAIT = timedelta(milliseconds=300)
"""How long the page waits for the computation of the fixes over time."""
EXPOSURE_FIGURES = 4
"""The number of figures about the exposure that the page shows. The page about the exposure has more."""
_PREVIEW = ListSection(0, PREVIEW_ROWS)
NOT_COMPUTED = "The fixes over time are being computed. Load the page again in a few seconds."


def build_overview(ports: PagePorts, _request: HttpRequest, _parts: Mapping[str, str]) -> PageContent:
    now = ports.clock.now()
    coverage, requests = ports.inventory.load_coverage(), ports.fleet.count_requests(now, now - RECENT)
    lead, tables = tuple(_build_lead(ports, coverage, now)), _build_tables(ports, now)
    queue = ports.queue.compute_figures()
    stages = load_stages(ports)  # stages and trends are computed last, because their threads slow down other queries
    report = ports.trends.load(TRENDS_WAIT)
    return PageContent(
        title="Overview",
        link=PageLink.OVERVIEW,
        lead=lead,
        notices=(*(() if report is not None else (NOT_COMPUTED,)), *list_missing(ports, stages)),
        alarm=build_unwanted_table(ports, stages),
        figures=(
            *_build_exposure(ports, now),
            *build_stage_figures(stages),
            *_build_figures(requests, report, queue),
        ),
        trends=report.trends if report is not None else None,
        tables=(*build_stuck_preview(ports, stages), *tables),
    )


def _build_lead(ports: PagePorts, coverage: InventoryCoverage, now: datetime) -> list[Part]:
    if coverage.oldest_read_at is None:
        return []
    last_sweep = ports.log.find_last_sweep()
    swept = [Part("Last complete list of repositories:"), build_time_part(last_sweep, now)] if last_sweep else []
    return [
        Part(f"{coverage.branches:,} base branches. The oldest data was read"),
        build_time_part(coverage.oldest_read_at, now),
        *([Part("·"), *swept] if swept else []),
    ]


def _build_exposure(ports: PagePorts, now: datetime) -> tuple[Figure, ...]:
    """Return the figures of the last summary of the exposure; nothing if there is none."""
    summaries = load_summaries(ports, now)
    return build_exposure_figures(summaries[-1], now)[:EXPOSURE_FIGURES] if summaries else ()


def _build_figures(requests: RequestFigures, report: PatchReport | None, queue: QueueFigures) -> tuple[Figure, ...]:
    proposals = PageLink.PROPOSALS.address
    return (
        Figure(
            "Overdue",
            f"{requests.overdue:,}",
            f"of {requests.with_due_date:,} proposals with a due date",
            f"{proposals}?show={RequestFilter.OVERDUE}",
            is_alarming=requests.overdue > 0,
        ),
        Figure(
            "Exploited, fix waits",
            f"{requests.exploited:,}",
            "open proposals",
            f"{proposals}?show={RequestFilter.FIXES}",
            is_alarming=requests.exploited > 0,
        ),
        Figure(
            "Critical, fix waits",
            f"{requests.critical:,}",
            "open proposals, not exploited",
            f"{proposals}?show={RequestFilter.FIXES}",
        ),
        Figure("Open proposals", f"{requests.open:,}", _describe_unknown(requests), proposals),
        Figure("Merged in 30 days", f"{requests.merged:,}", "proposals", f"{proposals}?show={RequestFilter.MERGED}"),
        _build_median_figure(report),
        Figure(
            "Work that waits",
            f"{queue.waiting:,}",
            f"{queue.due:,} due, {queue.claimed:,} being done",
            PageLink.QUEUE.address,
        ),
    )


def _describe_unknown(requests: RequestFigures) -> str:
    return f"{requests.unknown_fixes:,} without a scan" if requests.unknown_fixes else "all with scans"


def _build_median_figure(report: PatchReport | None) -> Figure:
    median = report.trends.points[-1].median if report is not None and report.trends is not None else None
    if report is None:
        value, note = "…", "being computed"
    elif median is None:
        value, note = "none", "no fix was merged in 30 days"
    else:
        value, note = describe_span(median), "median of 30 days"
    return Figure("Time to patch", value, note, PageLink.TRENDS.address)


def _build_tables(ports: PagePorts, now: datetime) -> tuple[Table, ...]:
    images = ports.fleet.find_images("", _PREVIEW, ImageOrder.RISK)
    waiting, deliveries = ports.log.list_pending(PREVIEW_ROWS), ports.log.list_deliveries(PREVIEW_ROWS)
    return (
        _build_request_table(ports, RequestFilter.OVERDUE, "Overdue proposals", "No proposal is overdue."),
        _build_request_table(
            ports,
            RequestFilter.FIXES,
            "The most important fixes that wait",
            "No open proposal is known to fix vulnerabilities.",
        ),
        build_waiting_table(waiting, now, more=Part("The whole queue", address=PageLink.QUEUE.address)),
        build_image_list(
            ports,
            images.entries,
            name="images",
            heading=HEADINGS[ImageOrder.RISK],
            more=link_rest(images, PageLink.IMAGES.address),
        ),
        build_delivery_table(deliveries, now, more=Part("All deliveries", address=PageLink.EVENTS.address)),
    )


def _build_request_table(ports: PagePorts, shown: RequestFilter, heading: str, empty: str) -> Table:
    """Return the first requests of a list, with a link to the whole list."""
    listed = ports.fleet.list_requests(shown, ports.clock.now(), _PREVIEW)
    address = f"{PageLink.PROPOSALS.address}?show={shown}"
    frame = Table(
        name=shown.value,
        heading=heading,
        empty=empty,
        note=" ".join(list_notices(ports, listed.entries)),
        more=link_rest(listed, address),
    )
    return fill_request_table(frame, ports, listed.entries)
