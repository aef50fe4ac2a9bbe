"""Tables of how far updates got, and the page about the stages of the whole fleet."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from bot.core.markdown import make_one_line
from bot.model.image_name import ImageName
from bot.model.inventory import BranchKey
from bot.model.unfinished_update import UnfinishedUpdate
from bot.model.update_stages import StageFunnel, StageScope, UnwantedImage, UpdateProgress
from bot.model.workload import RunningImage
from bot.reports.parts.stage_section import (
    FunnelColumn,
    StageReport,
    build_bars,
    group_running,
    group_unwanted,
    list_columns,
    sort_funnels,
)
from bot.reports.parts.stage_words import (
    LATER_UPDATE,
    UNWANTED_SENTENCES,
    describe_clusters,
    describe_wait,
    describe_workloads,
)
from bot.serve.http import HttpRequest
from bot.serve.pages.cells import (
    build_cell,
    link_image,
    link_outside,
    link_repository,
    show_count,
    show_digest,
    show_text,
    show_time,
)
from bot.serve.pages.content import Cell, CellStyle, Column, Figure, PageContent, PageLink, Part, Tab, Table
from bot.serve.pages.ports import PREVIEW_ROWS, ListPage, PagePorts, build_address

STAGES_WAIT = timedelta(seconds=20)
"""How long the page about stages waits for the computation of the stages."""
PREVIEW_WAIT = timedelta(milliseconds=300)
"""How long other pages wait for the computation of the stages."""
NOT_COMPUTED = "The stages of updates are being computed. Load the page again in a few seconds."
NAMES_LEFT_OUT = "Names from clusters are left out, because `serve.user_header` is not set."
STUCK, BY_IMAGE, UNLISTED = "stuck", "images", "unlisted"
"""The values of the parameter `show`."""
OVERDUE_TITLE = "Overdue after the merge"
MAX_STUCK = 50
"""The maximum number of stuck updates of an image or a repository that are shown."""
MAX_DIGESTS = 20
"""The maximum number of running digests of an image that are shown."""
_STUCK_COLUMNS = (
    *(Column("Image"), Column("State"), Column("Since"), Column("Repository")),
    *(Column("Why"), Column("Proposal")),
)
_RUNNING_COLUMNS = (Column("Image"), Column("Digest"), Column("Where it runs"))
_UNWANTED_COLUMNS = (*_RUNNING_COLUMNS, Column("Why"))
Entry = TypeVar("Entry")


def build_stages(ports: PagePorts, request: HttpRequest, _parts: Mapping[str, str]) -> PageContent:
    """Return the page about the stages of all updates."""
    report = ports.stages.load(STAGES_WAIT) if ports.stages is not None else None
    if report is None:
        words = NOT_COMPUTED if ports.stages is not None else "The config has neither `clusters` nor `builds`."
        return PageContent(title="Stages", link=PageLink.STAGES, notices=(words,))
    tabs = _list_tabs(report)
    words = request.query.get("show", STUCK)
    shown = words if words in tabs else STUCK
    page = ListPage.parse(request)
    match shown:
        case "images":
            table = _list_images(report, request, page)
        case "unlisted":
            table = _list_unlisted(ports, report, request, page)
        case _:
            table = _list_stuck(ports, report, request, page)
    overdue = _list_overdue_tables(ports, report) if shown == STUCK else ()
    return PageContent(
        title="Stages",
        link=PageLink.STAGES,
        lead=_build_lead(ports, report),
        notices=list_notices(ports, report),
        alarm=build_unwanted_table(ports, report),
        bars=build_bars(report.stages.funnels, report.stages.scope),
        tabs=tuple(
            Tab(title, build_address(request, show=name, page=""), name == shown) for name, title in tabs.items()
        ),
        tables=(*overdue, table),
    )


def _list_tabs(report: StageReport) -> Mapping[str, str]:
    stages = report.stages
    tabs = {STUCK: f"Stuck ({len(stages.list_stuck(report.now)):,})", BY_IMAGE: "By image"}
    unlisted = {UNLISTED: f"Running, and in no repository ({len(group_running(stages.unlisted)):,})"}
    return {**tabs, **(unlisted if stages.scope.has_clusters else {})}


def _build_lead(ports: PagePorts, report: StageReport) -> tuple[Part, ...]:
    if not report.stages.scope.has_clusters:
        return ()
    sentences = describe_clusters(report.stages.clusters, report.now, shows_names=ports.has_users)
    return tuple(Part(make_one_line(each)) for each in sentences)


def list_notices(ports: PagePorts, report: StageReport) -> tuple[str, ...]:
    """Return the sentence about names that are left out; nothing if all names are shown."""
    return () if ports.has_users or not report.stages.scope.has_clusters else (NAMES_LEFT_OUT,)


def build_stage_figures(report: StageReport | None) -> tuple[Figure, ...]:
    """Return the numbers of stuck updates and of merged fixes that are overdue; nothing if they are not known."""
    if report is None:
        return ()
    stuck, overdue = len(report.stages.list_stuck(report.now)), len(_list_overdue(report))
    note = "updates that wait too long for a merge, a build or a deployment"
    figures = (Figure("Stuck", f"{stuck:,}", note, PageLink.STAGES.address, is_alarming=stuck > 0),)
    if not report.stages.unfinished:
        return figures
    note = f"of {len(report.stages.unfinished):,} merged fixes that must run by a due date and are not known to run"
    return (*figures, Figure(OVERDUE_TITLE, f"{overdue:,}", note, PageLink.STAGES.address, is_alarming=overdue > 0))


def _list_overdue(report: StageReport) -> Sequence[UnfinishedUpdate]:
    return [each for each in report.stages.unfinished if each.is_overdue(report.now)]


def _list_overdue_tables(ports: PagePorts, report: StageReport) -> tuple[Table, ...]:
    """Return the merged fixes that do not run yet although their due dates have passed; nothing if there are none."""
    overdue, scope, now = _list_overdue(report), report.stages.scope, report.now
    if not overdue:
        return ()
    rows = [
        (*_build_stuck_row(ports, each.progress, scope, now)[:-1], show_time(each.due_at, now), _link_request(each))
        for each in overdue[:MAX_STUCK]
    ]
    return (
        Table(
            name="overdue",
            heading=f"{OVERDUE_TITLE}, the earliest due date first",
            columns=(*_STUCK_COLUMNS[:-1], Column("Due"), _STUCK_COLUMNS[-1]),
            rows=rows,
            empty="",
            note=f"{MAX_STUCK} of {len(overdue):,}." if len(overdue) > MAX_STUCK else "",
        ),
    )


def _link_request(unfinished: UnfinishedUpdate) -> Cell:
    request = unfinished.request
    return build_cell(link_outside(f"#{request.number}" if request.number else "merged", request.url))


def build_stuck_preview(ports: PagePorts, report: StageReport | None) -> tuple[Table, ...]:
    """Return the first stuck updates, with a link to all of them; nothing if there are none."""
    stuck = report.stages.list_stuck(report.now) if report is not None else ()
    if report is None or not stuck:
        return ()
    more = Part(f"All {len(stuck):,}", address=PageLink.STAGES.address) if len(stuck) > PREVIEW_ROWS else None
    return (build_stuck_table(ports, report, stuck[:PREVIEW_ROWS], more=more),)


def list_stuck_tables(ports: PagePorts, report: StageReport | None) -> tuple[Table, ...]:
    """Return the stuck updates of an image or a repository; nothing if there are none."""
    stuck = report.stages.list_stuck(report.now) if report is not None else ()
    if report is None or not stuck:
        return ()
    table = build_stuck_table(ports, report, stuck[:MAX_STUCK])
    return (replace(table, note=f"{MAX_STUCK} of {len(stuck):,}." if len(stuck) > MAX_STUCK else ""),)


def build_stuck_table(
    ports: PagePorts, report: StageReport, stuck: Sequence[UpdateProgress], *, more: Part | None = None
) -> Table:
    """Return a table with a row for each stuck update."""
    scope, now = report.stages.scope, report.now
    return Table(
        name="stuck",
        heading="Stuck updates, the longest first",
        columns=_STUCK_COLUMNS,
        rows=[_build_stuck_row(ports, each, scope, now) for each in stuck],
        empty="No update waits longer than usual.",
        more=more,
    )


def _build_stuck_row(ports: PagePorts, progress: UpdateProgress, scope: StageScope, now: datetime) -> tuple[Cell, ...]:
    use, wait, request = progress.use, progress.wait, progress.request
    failed = [Part("Failed:"), link_outside(wait.check.name, wait.check.url)] if wait and wait.check else []
    why = [Part(make_one_line(describe_wait(wait, shows_workloads=ports.has_users)))] if wait is not None else []
    number = [link_outside(f"#{request.number}" if request.number else "open", request.url)] if request else []
    return (
        build_cell(link_image(use.name)),
        build_cell(
            Part(progress.describe_state(scope), CellStyle.WARNING), note="" if progress.is_latest else LATER_UPDATE
        ),
        show_time(progress.since, now),
        build_cell(link_repository(use.key), note=f"{use.path}:{use.line_number}"),
        build_cell(*why, *failed),
        build_cell(*number),
    )


def build_unwanted_table(ports: PagePorts, report: StageReport | None) -> Table | None:
    """Return the table of running images whose digest is gone or blocked; None if there are none."""
    groups = group_unwanted(report.stages.unwanted) if report is not None else ()
    if not groups:
        return None
    names = "their names are left out, because `serve.user_header` is not set"
    return Table(
        name="unwanted",
        heading="Running with a digest that is gone or blocked",
        columns=_UNWANTED_COLUMNS,
        rows=[_build_unwanted_row(each) for each in groups[:PREVIEW_ROWS]] if ports.has_users else (),
        empty=f"Digests: {len(groups):,}; {names}.",
        note=f"{PREVIEW_ROWS} of {len(groups):,}." if ports.has_users and len(groups) > PREVIEW_ROWS else "",
    )


def _build_unwanted_row(group: Sequence[UnwantedImage]) -> tuple[Cell, ...]:
    images = [each.image for each in group]
    return (*_build_running_row(images), show_text(UNWANTED_SENTENCES[group[0].reason], CellStyle.ALARM))


def _build_running_row(group: Sequence[RunningImage]) -> tuple[Cell, ...]:
    first = group[0]
    name = f"{first.repository}:{first.tag}" if first.tag else first.repository
    where = show_text(describe_workloads(group, shows_workloads=True))
    return build_cell(Part(make_one_line(name), is_code=True)), show_digest(first.digest), where


def load_stages(ports: PagePorts) -> StageReport | None:
    """Return how far the updates of the fleet got.

    Return None if this is not computed yet, or if there are neither clusters nor builds.
    """
    return ports.stages.load(PREVIEW_WAIT) if ports.stages is not None else None


def list_missing(ports: PagePorts, report: StageReport | None) -> tuple[str, ...]:
    """Return the sentence that the stages are still being computed; nothing if they are computed or not available."""
    return (NOT_COMPUTED,) if report is None and ports.stages is not None else ()


def select_image(report: StageReport | None, image: ImageName) -> StageReport | None:
    """Return the part of a report that is about an image. A running image without a tag matches every tag."""
    if report is None:
        return None

    def is_image(running: RunningImage) -> bool:
        is_same_tag = image.tag is None or running.tag in {None, image.tag}
        return stages.is_running_image(running, image.repository) and is_same_tag

    stages = report.stages
    updates = tuple(
        each for each in stages.updates if each.use.repository == image.repository and image.tag in {None, each.use.tag}
    )
    names = {each.use.name for each in updates}
    return replace(
        report,
        stages=replace(
            stages,
            updates=updates,
            funnels=tuple(each for each in stages.funnels if each.image in names),
            unwanted=tuple(each for each in stages.unwanted if is_image(each.image)),
            running=tuple(filter(is_image, stages.running)),
        ),
    )


def select_branches(report: StageReport | None, keys: Collection[BranchKey]) -> StageReport | None:
    """Return a report with only the updates in some base branches."""
    if report is None:
        return None
    updates = tuple(each for each in report.stages.updates if each.use.key in keys)
    return replace(report, stages=replace(report.stages, updates=updates))


def build_running_tables(ports: PagePorts, report: StageReport | None) -> tuple[Table, ...]:
    """Return a table with a row for each digest that runs; nothing if the config has no clusters.

    Own images that are built on the image are in the table, too.
    """
    if report is None or not report.stages.scope.has_clusters:
        return ()
    updates = report.stages.updates
    built = [image for each in updates for image in (*each.workloads, *(each.wait.workloads if each.wait else ()))]
    groups = group_running(dict.fromkeys([*report.stages.running, *built]))
    table = Table(
        name="running",
        heading="Where it runs, or images that are built on it",
        columns=_RUNNING_COLUMNS,
        rows=[_build_running_row(each) for each in groups[:MAX_DIGESTS]] if ports.has_users else (),
        empty=f"{NAMES_LEFT_OUT} Digests that run: {len(groups):,}." if groups else "No container is known to run it.",
        note=" ".join(describe_clusters(report.stages.clusters, report.now, shows_names=ports.has_users)),
    )
    return (table,)


def _list_stuck(ports: PagePorts, report: StageReport, request: HttpRequest, page: ListPage) -> Table:
    stuck = report.stages.list_stuck(report.now)
    table = build_stuck_table(ports, report, _cut(stuck, page))
    return _add_pager(table, request, page, len(stuck))


def _list_images(report: StageReport, request: HttpRequest, page: ListPage) -> Table:
    columns, funnels = list_columns(report.stages.scope), sort_funnels(report.stages.funnels)
    table = Table(
        name="stages",
        heading="Image references by the last stage that their latest update reached",
        columns=(Column("Image"), *(Column(title, is_number=True) for title, _ in columns)),
        rows=[
            (build_cell(link_image(each.image)), *(_show_count(column, each) for column in columns))
            for each in _cut(funnels, page)
        ],
        empty="No base branch uses an image.",
    )
    return _add_pager(table, request, page, len(funnels))


def _show_count(column: FunnelColumn, funnel: StageFunnel) -> Cell:
    _, build = column
    cell = build(funnel)
    if cell.uses is None:
        return Cell()
    style = CellStyle.ALARM if cell.is_stuck else CellStyle.PLAIN
    return Cell(show_count(cell.uses, style).parts, cell.note)


def _list_unlisted(ports: PagePorts, report: StageReport, request: HttpRequest, page: ListPage) -> Table:
    groups = group_running(report.stages.unlisted)
    table = Table(
        name="unlisted",
        heading="Running, and in no repository",
        columns=_RUNNING_COLUMNS,
        rows=[_build_running_row(each) for each in _cut(groups, page)] if ports.has_users else (),
        empty="Every running image is in a repository." if not groups else f"Images: {len(groups):,}.",
    )
    return _add_pager(table, request, page, len(groups)) if ports.has_users else table


def _cut(entries: Sequence[Entry], page: ListPage) -> Sequence[Entry]:
    return entries[page.section.offset : page.end]


def _add_pager(table: Table, request: HttpRequest, page: ListPage, total: int) -> Table:
    return replace(table, pager=page.build_pager(request, total))
