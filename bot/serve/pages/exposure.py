"""The page about the exposure of the fleet: urgent vulnerabilities in use, where fixes exist, and how much is known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote

from bot.core.markdown import make_one_line
from bot.model.exposure import FixPlace
from bot.model.exposure_summary import (
    ExposureClass,
    ExposureFigures,
    ExposureSummary,
    FixableImages,
    PublisherLag,
    UrgentVulnerability,
    WaitingImage,
)
from bot.model.fleet_overview import RequestFilter
from bot.reports.fleet.exposed_usage import describe_known_images
from bot.reports.parts.exposure_lines import name_publisher
from bot.serve.http import HttpRequest
from bot.serve.pages.cells import build_cell, build_time_part, describe_span, show_count, show_text, show_time
from bot.serve.pages.content import Cell, CellStyle, Column, Figure, PageContent, PageLink, Part, Table
from bot.serve.pages.evidence import EVIDENCE_LEFT_OUT
from bot.serve.pages.ports import PAGE_ROWS, PagePorts

SHOWN_DAYS = timedelta(days=90)
"""The period of the table over time."""
MAX_DAYS = 14
"""The number of rows of the table over time."""
MAX_OWNERS = 50
"""The number of owners that the page shows."""
MAX_SHOWN_OWNERS = 3
"""The number of owners that the page names for one image."""
NOT_SUMMARISED = (
    "The exposure is not known yet. Runs over the whole fleet and sweeps of the service determine it, if a scanner is "
    "configured or installed."
)
_NO_KEV = "The list of exploited vulnerabilities was not read, so they are counted by their severity."
_FIXED_PLACES = (FixPlace.IN_UPDATE, FixPlace.IN_DISTRIBUTION, None)
"""The places of fixes that exist."""
_COLUMNS = (
    *(Column("Severity"), Column("Fix in the newest digest", is_number=True)),
    *(Column("Waits for its publisher", is_number=True), Column("Fix, newest digest not scanned", is_number=True)),
    *(Column("No fix", is_number=True), Column("References with a fix", is_number=True), Column("Oldest fix")),
)
_VULNERABILITY_COLUMNS = (
    *(Column("Vulnerability"), Column("Severity"), Column("Images", is_number=True)),
    *(Column("References", is_number=True), Column("Wait for a publisher", is_number=True), Column("Fix published")),
    Column("Title"),
)
_OWNER_COLUMNS = (
    Column("Owner"),
    *(Column(each.value.capitalize(), is_number=True) for each in ExposureClass),
)
_DAY_COLUMNS = (
    *(Column("Day"), Column("Exploited", is_number=True), Column("Exploited or critical", is_number=True)),
    Column("Wait for a publisher", is_number=True),
    *(Column("Known digests", is_number=True), Column("Digests in use", is_number=True)),
)
_WAITING_COLUMNS = (
    *(Column("Image"), Column("Severity"), Column("Vulnerabilities", is_number=True)),
    *(Column("References", is_number=True), Column("Fix published"), Column("Owners")),
)
_PUBLISHER_COLUMNS = (
    *(Column("Image"), Column("Fixes by"), Column("Taken over", is_number=True), Column("Median")),
    *(Column("9 of 10 within"), Column("Waiting", is_number=True), Column("Oldest waiting")),
)
_CLASS_STYLES = {ExposureClass.EXPLOITED: CellStyle.CRITICAL, ExposureClass.CRITICAL: CellStyle.CRITICAL}


def build_exposure_page(ports: PagePorts, _request: HttpRequest, _parts: Mapping[str, str]) -> PageContent:
    """Return the page about the last summary of the fleet's exposure. Names of vulnerabilities need a user."""
    now = ports.clock.now()
    summaries = load_summaries(ports, now)
    if not summaries:
        return PageContent(title="Exposure", link=PageLink.EXPOSURE, notices=(NOT_SUMMARISED,))
    summary = summaries[-1]
    return PageContent(
        title="Exposure",
        link=PageLink.EXPOSURE,
        lead=(Part("Vulnerabilities of the images in use, as of"), build_time_part(summary.at, now)),
        notices=tuple(_list_notices(ports, summary, now)),
        figures=build_exposure_figures(summary, now),
        tables=tuple(_build_tables(ports, summaries, now)),
    )


def load_summaries(ports: PagePorts, now: datetime) -> Sequence[ExposureSummary]:
    """Return the summaries of the last days that the page is allowed to show, the latest one last."""
    stored = ports.exposure_summaries.load_summaries(now - SHOWN_DAYS)
    return [each.private if each.private is not None and ports.has_users else each.shared for each in stored]


def _list_notices(ports: PagePorts, summary: ExposureSummary, now: datetime) -> Iterator[str]:
    yield " ".join(describe_known_images(summary.coverage, now))
    if not summary.knows_exploited:
        yield _NO_KEV
    if not ports.has_users:
        yield EVIDENCE_LEFT_OUT


def build_exposure_figures(summary: ExposureSummary, now: datetime) -> tuple[Figure, ...]:
    """Return the numbers of images with exploited or critical vulnerabilities, by where their fixes exist."""
    exploited, urgent, address = summary.exploited, summary.urgent, PageLink.EXPOSURE.address
    classes = (ExposureClass.EXPLOITED, ExposureClass.CRITICAL)
    fixes = (each.oldest_fix for each in summary.figures if each.exposure_class in classes)
    oldest = min((fix for fix in fixes if fix is not None), default=None)
    return (
        Figure(
            "Exploited, with a fix",
            f"{exploited.images:,}",
            _describe_running(exploited),
            address,
            is_alarming=exploited.images > 0,
        ),
        Figure("Exploited or critical, with a fix", f"{urgent.images:,}", _describe_running(urgent), address),
        Figure(
            "Fix in the newest digest",
            f"{urgent.in_update:,}",
            "of these images; merge the proposals",
            f"{PageLink.PROPOSALS.address}?show={RequestFilter.FIXES}",
        ),
        Figure("Waits for its publisher", f"{urgent.waiting:,}", "of these images; no digest has the fix", address),
        Figure(
            "Oldest of these fixes",
            describe_span(now - oldest) if oldest is not None else "none",
            "published, but not in use" if oldest is not None else "no date is known",
            address,
        ),
    )


def _describe_running(images: FixableImages) -> str:
    return f"images in use, {images.running_images:,} of them in clusters"


def _select(summary: ExposureSummary, exposure_class: ExposureClass) -> Iterator[ExposureFigures]:
    """Yield the figures of a class with a fix."""
    for each in summary.figures:
        if each.exposure_class is exposure_class and each.fix is not FixPlace.NO_FIX:
            yield each


def _build_tables(ports: PagePorts, summaries: Sequence[ExposureSummary], now: datetime) -> Iterator[Table]:
    summary = summaries[-1]
    yield Table(
        name="classes",
        heading="Images in use, by where the fix exists",
        columns=_COLUMNS,
        rows=[_build_class_row(summary, each, now) for each in ExposureClass],
        empty="",
        note="An image counts in several columns if its vulnerabilities have different fixes.",
    )
    if ports.has_users:
        shown = summary.vulnerabilities[:PAGE_ROWS]
        yield Table(
            name="vulnerabilities",
            heading="The most urgent vulnerabilities with a fix",
            columns=_VULNERABILITY_COLUMNS,
            rows=[_build_vulnerability_row(each, now) for each in shown],
            empty="No image in use has an urgent vulnerability with a fix.",
        )
    yield Table(
        name="waiting",
        heading="Images that wait for their publishers",
        columns=_WAITING_COLUMNS,
        rows=[_build_waiting_row(each, now) for each in summary.waiting[:PAGE_ROWS]],
        empty="No image in use waits for a fix of an exploited or critical vulnerability.",
        note="The fix is published, but the newest digest of the tag lacks it. Only a new image helps.",
    )
    yield Table(
        name="publishers",
        heading="How far publishers are behind",
        columns=_PUBLISHER_COLUMNS,
        rows=[_build_publisher_row(each, now) for each in summary.publishers[:PAGE_ROWS]],
        empty="No fix was seen to reach an image yet.",
        note="The time from the publication of a fix to the first digest with it, over the last year.",
    )
    yield Table(
        name="owners",
        heading="References with a fix, by owner",
        columns=_OWNER_COLUMNS,
        rows=_build_owner_rows(summary),
        empty="No reference has an urgent vulnerability with a fix.",
    )
    yield Table(
        name="days",
        heading="Images with a fix, over time",
        columns=_DAY_COLUMNS,
        rows=[_build_day_row(each, now) for each in _choose_days(summaries)],
        empty="",
    )


def _build_class_row(summary: ExposureSummary, exposure_class: ExposureClass, now: datetime) -> tuple[Cell, ...]:
    by_place = {each.fix: each for each in summary.figures if each.exposure_class is exposure_class}
    fixed = [by_place[place] for place in _FIXED_PLACES]
    oldest = min((fix for each in _select(summary, exposure_class) if (fix := each.oldest_fix)), default=None)
    style = _CLASS_STYLES.get(exposure_class, CellStyle.PLAIN)
    return (
        show_text(exposure_class.value),
        *(show_count(each.images, style) for each in fixed),
        show_count(by_place[FixPlace.NO_FIX].images),
        show_count(sum(each.references for each in fixed)),
        show_time(oldest, now),
    )


def _build_vulnerability_row(vulnerability: UrgentVulnerability, now: datetime) -> tuple[Cell, ...]:
    identifier = make_one_line(vulnerability.id)
    link = Part(identifier, address=f"/vulnerabilities/{quote(identifier, safe=':')}")
    style = _CLASS_STYLES.get(vulnerability.exposure_class, CellStyle.HIGH)
    return (
        build_cell(link),
        Cell((Part(vulnerability.exposure_class.value, style, is_badge=True),)),
        show_count(vulnerability.images),
        show_count(vulnerability.references),
        show_count(vulnerability.waiting_references, CellStyle.WARNING),
        show_time(vulnerability.oldest_fix, now),
        show_text(vulnerability.title),
    )


def _build_waiting_row(image: WaitingImage, now: datetime) -> tuple[Cell, ...]:
    style = _CLASS_STYLES.get(image.exposure_class, CellStyle.HIGH)
    return (
        show_text(str(image.tag_ref)),
        Cell((Part(image.exposure_class.value, style, is_badge=True),)),
        show_count(image.vulnerabilities),
        show_count(image.references),
        show_time(image.oldest_fix.at if image.oldest_fix is not None else None, now),
        show_text(", ".join(image.owners[:MAX_SHOWN_OWNERS])),
    )


def _build_publisher_row(lag: PublisherLag, now: datetime) -> tuple[Cell, ...]:
    return (
        show_text(lag.repository),
        show_text(name_publisher(lag.distribution)),
        show_count(lag.fixes),
        show_text(describe_span(lag.median) if lag.median is not None else ""),
        show_text(describe_span(lag.percentile_90) if lag.percentile_90 is not None else ""),
        show_count(lag.waiting, CellStyle.WARNING),
        show_time(lag.oldest_waiting, now),
    )


def _build_owner_rows(summary: ExposureSummary) -> list[tuple[Cell, ...]]:
    counts: dict[str, dict[ExposureClass, int]] = defaultdict(dict)
    for each in summary.owners:
        counts[each.owner][each.exposure_class] = each.references
    return [
        (
            show_text(owner) if owner else show_text("no owner", CellStyle.MUTED),
            *(show_count(by_class.get(each, 0), _CLASS_STYLES.get(each, CellStyle.PLAIN)) for each in ExposureClass),
        )
        for owner, by_class in list(counts.items())[:MAX_OWNERS]
    ]


def _choose_days(summaries: Sequence[ExposureSummary]) -> Sequence[ExposureSummary]:
    """Return at most MAX_DAYS summaries at regular distances, the latest one first."""
    step = max(1, -(-len(summaries) // MAX_DAYS))
    return summaries[::-1][::step]


def _build_day_row(summary: ExposureSummary, now: datetime) -> tuple[Cell, ...]:
    return (
        show_time(summary.at, now),
        show_count(summary.exploited.images, CellStyle.CRITICAL),
        show_count(summary.urgent.images),
        show_count(summary.urgent.waiting),
        show_count(summary.coverage.known_digests),
        show_count(summary.coverage.digests_in_use),
    )
