"""Builds the part of pages that shows how far updates got: proposed, merged, rebuilt, running."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.markdown import is_safe_url
from bot.core.transition import shorten_digest
from bot.model.fleet_stages import FleetStages
from bot.model.update_stages import StageCount, StageFunnel, StageScope, UnwantedImage, UpdateProgress, UpdateStage
from bot.model.workload import RunningImage
from bot.reports.parts.inventory_document import describe_duration
from bot.reports.parts.shown_rows import LinkedText, ShownRows, cut_rows, shorten_text
from bot.reports.parts.stage_words import (
    LATER_UPDATE,
    UNWANTED_SENTENCES,
    count_states,
    describe_clusters,
    describe_wait,
    describe_workloads,
)

MAX_FUNNELS = 50
"""The maximum number of images in the table of images."""
MAX_STUCK = 50
MAX_RUNNING = 50
"""The maximum number of running images under one heading."""
BAR_COLUMNS = ("done", "waiting", "stuck", "not known")
"""The columns of the chart, which are also the parts of its bars. No use is counted in two columns."""

_BarCounts = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class StageReport:
    """How far the updates of a fleet had got at the time `now`."""

    stages: FleetStages
    now: datetime
    shows_names: bool = True
    """False if JSON documents must not contain the names of clusters and workloads, which are private evidence."""


@dataclass(frozen=True, slots=True)
class BarPart:
    """A part of a bar. `start` and `width` are percent of the longest bar."""

    column: int
    """The position of the part's column in BAR_COLUMNS, beginning with 1."""
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class StageBar:
    """The uses of images in one stage: numbers and a bar."""

    label: str
    counts: _BarCounts
    """One number for each of BAR_COLUMNS."""
    parts: tuple[BarPart, ...]


@dataclass(frozen=True, slots=True)
class FunnelCell:
    """The uses of an image in one stage."""

    uses: int | None
    """None if no use of the image passes the stage."""
    note: str = ""
    """For example `2 stuck`."""
    is_stuck: bool = False


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """The uses of an image by the stage of their latest update."""

    image: str
    cells: tuple[FunnelCell, ...]
    """One cell for each column of the table."""


@dataclass(frozen=True, slots=True)
class StuckRow:
    """An update that waits longer than usual."""

    image: str
    repository: str
    position: str
    """The position of the reference in the repository: `path:line`."""
    state: str
    """For example `merged, not rebuilt`."""
    age: str
    why: str
    check: LinkedText | None
    """The check that failed."""


@dataclass(frozen=True, slots=True)
class RunningRow:
    """An image that workloads run."""

    image: str
    digest: str
    workloads: str
    why: str = ""
    """Why the digest must be replaced; empty in tables about other facts."""


@dataclass(frozen=True, slots=True)
class StageSection:
    """The values of the sections about stages."""

    bars: tuple[StageBar, ...]
    bar_columns: tuple[str, ...]
    columns: tuple[str, ...]
    """The titles of the columns of `funnels`, without the column of the image."""
    funnels: ShownRows[FunnelRow]
    stuck: ShownRows[StuckRow]
    has_clusters: bool
    unwanted: ShownRows[RunningRow]
    unlisted: ShownRows[RunningRow]
    coverage: tuple[str, ...]
    """Sentences about the age of the data from clusters."""

    @property
    def has_unwanted(self) -> bool:
        """True if workloads run digests that must be replaced."""
        return bool(self.unwanted.rows or self.unwanted.left_out)


def build_stage_section(report: StageReport, rows: int) -> StageSection:
    """Return the values of the sections, with at most `rows` rows in each list.

    Names from clusters are not left out.
    """
    stages, now = report.stages, report.now
    scope = stages.scope
    columns = list_columns(scope)
    return StageSection(
        bars=build_bars(stages.funnels, scope),
        bar_columns=BAR_COLUMNS,
        columns=tuple(title for title, _ in columns),
        funnels=cut_rows(sort_funnels(stages.funnels), min(rows, MAX_FUNNELS), _build_funnel_row(columns)),
        stuck=cut_rows(stages.list_stuck(now), min(rows, MAX_STUCK), lambda each: _build_stuck_row(each, scope, now)),
        has_clusters=scope.has_clusters,
        unwanted=cut_rows(group_unwanted(stages.unwanted), min(rows, MAX_RUNNING), _build_unwanted_row),
        unlisted=cut_rows(group_running(stages.unlisted), min(rows, MAX_RUNNING), _build_running_row),
        coverage=tuple(map(shorten_text, describe_clusters(stages.clusters, now, shows_names=True)))
        if scope.has_clusters
        else (),
    )


def sort_funnels(funnels: Iterable[StageFunnel]) -> Sequence[StageFunnel]:
    """Return the funnels of images, sorted by their numbers of stuck uses, then of waiting uses, largest first."""
    return sorted(funnels, key=lambda each: (-each.stuck, -_count_waiting(each), each.image))


def _count_waiting(funnel: StageFunnel) -> int:
    return funnel.not_updated + sum(each.waiting for each in funnel.counts.values())


def build_bars(funnels: Iterable[StageFunnel], scope: StageScope) -> tuple[StageBar, ...]:
    """Return one chart for all of these images; no bars if they have no uses."""
    rows = [
        (state, (count.done, count.waiting - count.stuck, count.stuck, count.unknown))
        for state, count in count_states(funnels, list_fleet_stages(scope))
    ]
    longest = max((sum(counts) for _, counts in rows), default=0)
    return tuple(StageBar(label, counts, _list_parts(counts, longest)) for label, counts in rows) if longest else ()


def list_fleet_stages(scope: StageScope) -> tuple[UpdateStage, ...]:
    """Return the stages that any use of a fleet can pass."""
    left_out = {
        *(() if scope.has_builds else (UpdateStage.REBUILT,)),
        *(() if scope.has_clusters else (UpdateStage.RUNNING,)),
    }
    return tuple(each for each in UpdateStage if each not in left_out)


def _list_parts(counts: _BarCounts, longest: int) -> tuple[BarPart, ...]:
    parts, start = [], 0
    for column, count in enumerate(counts, 1):
        if count:
            parts.append(BarPart(column, round(100 * start / longest, 2), round(100 * count / longest, 2)))
        start += count
    return tuple(parts)


FunnelColumn = tuple[str, Callable[[StageFunnel], FunnelCell]]
"""The title of a column, and the function that returns the cell for an image."""


def list_columns(scope: StageScope) -> tuple[FunnelColumn, ...]:
    """Return the columns of the table of images."""
    return (
        ("Not proposed", _build_first_cell),
        *((stage.value.capitalize(), _build_cell_builder(stage)) for stage in list_fleet_stages(scope)),
        ("Not pinned", lambda funnel: FunnelCell(funnel.unknown)),
    )


def _build_first_cell(funnel: StageFunnel) -> FunnelCell:
    words = ((funnel.declined, "declined"), (funnel.held, "held"))
    return FunnelCell(funnel.not_updated, ", ".join(f"{number:,} {word}" for number, word in words if number))


def _build_cell_builder(stage: UpdateStage) -> Callable[[StageFunnel], FunnelCell]:
    def build_cell(funnel: StageFunnel) -> FunnelCell:
        count = funnel.counts.get(stage)
        return FunnelCell(count.uses, describe_count(count), count.stuck > 0) if count is not None else FunnelCell(None)

    return build_cell


def describe_count(count: StageCount) -> str:
    """Return a note about the uses in a stage, such as `2 stuck, 1 not known`."""
    words = ((count.stuck, "stuck"), (count.waiting - count.stuck, "waiting"), (count.unknown, "not known"))
    return ", ".join(f"{number:,} {word}" for number, word in words if number)


def _build_funnel_row(columns: Sequence[FunnelColumn]) -> Callable[[StageFunnel], FunnelRow]:
    return lambda funnel: FunnelRow(shorten_text(funnel.image), tuple(build(funnel) for _, build in columns))


def _build_stuck_row(progress: UpdateProgress, scope: StageScope, now: datetime) -> StuckRow:
    use, wait = progress.use, progress.wait
    check = wait.check if wait is not None else None
    since = wait.since if wait is not None else None
    return StuckRow(
        image=shorten_text(use.name),
        repository=shorten_text(f"{use.key.repository} ({use.key.base_branch})"),
        position=shorten_text(f"{use.path}:{use.line_number}"),
        state=progress.describe_state(scope) + ("" if progress.is_latest else f" ({LATER_UPDATE})"),
        age=describe_duration((now - since).total_seconds()) if since is not None else "",
        why=shorten_text(describe_wait(wait, shows_workloads=True)) if wait is not None else "",
        check=link_check(check.name, check.url) if check is not None else None,
    )


def link_check(name: str, url: str | None) -> LinkedText:
    """Return the name of a check that failed, with a link if the check's URL is safe."""
    return LinkedText(shorten_text(name), url if url is not None and is_safe_url(url) else None)


def group_running(images: Iterable[RunningImage]) -> Sequence[Sequence[RunningImage]]:
    """Return running images, grouped by repository and digest. Groups with the most pods come first."""
    groups: dict[tuple[str, str], list[RunningImage]] = {}
    for each in images:
        groups.setdefault((each.repository, each.digest or ""), []).append(each)
    return sorted(groups.values(), key=lambda group: (-sum(each.pods for each in group), group[0].repository))


def group_unwanted(unwanted: Iterable[UnwantedImage]) -> Sequence[Sequence[UnwantedImage]]:
    """Group running images whose digest must be replaced by repository and digest. Blocked digests come first."""
    groups: dict[tuple[str, str, str], list[UnwantedImage]] = {}
    for each in unwanted:
        groups.setdefault((each.reason.value, each.image.repository, each.image.digest or ""), []).append(each)
    return [group for _, group in sorted(groups.items())]


def _build_unwanted_row(group: Sequence[UnwantedImage]) -> RunningRow:
    row = _build_running_row([each.image for each in group])
    return RunningRow(row.image, row.digest, row.workloads, UNWANTED_SENTENCES[group[0].reason])


def _build_running_row(group: Sequence[RunningImage]) -> RunningRow:
    first = group[0]
    return RunningRow(
        image=shorten_text(f"{first.repository}:{first.tag}" if first.tag else first.repository),
        digest=shorten_digest(first.digest) if first.digest is not None else "",
        workloads=shorten_text(describe_workloads(group, shows_workloads=True)),
    )
