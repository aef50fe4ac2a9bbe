"""Builds the values for the template of the fleet page, which is the HTML report of a run.

These are counts, charts, and sorted lists with a limited number of rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from bot.core.markdown import is_safe_url, make_console_line
from bot.core.notes import MAX_NOTE_LENGTH
from bot.core.transition import shorten_digest
from bot.model.reference import Digest
from bot.model.vocabulary import OccurrenceStatus, ProposalOutcome, Reason
from bot.reports._page_charts import ImageKey, OccurrenceInRepository, PageChart, build_charts, can_update_now
from bot.reports.run_facts import FailureFacts, OccurrenceFacts, ProposalFacts, RepositoryFacts, RunFacts

MAX_OCCURRENCES = 50
"""The maximum number of image references that are shown for one image.

It prevents a common image from displacing the others.
"""

Row = TypeVar("Row")
Facts = TypeVar("Facts")
_NOT_UPDATED_STATUSES = (
    OccurrenceStatus.GONE,
    OccurrenceStatus.REFUSED,
    OccurrenceStatus.HELD,
    OccurrenceStatus.SUPERSEDED,
    OccurrenceStatus.UNRESOLVED,
)
"""The statuses of references that are not updated, most urgent first."""
_OUTCOMES_BY_HEADING: Mapping[str, frozenset[ProposalOutcome]] = {
    "Open": frozenset(
        {
            ProposalOutcome.OPENED,
            ProposalOutcome.REFRESHED,
            ProposalOutcome.UNCHANGED,
            ProposalOutcome.LEFT_ALONE,
        }
    ),
    "Would be opened, refreshed or closed": frozenset(
        {ProposalOutcome.WOULD_OPEN, ProposalOutcome.WOULD_REFRESH, ProposalOutcome.WOULD_CLOSE}
    ),
    "Waiting": frozenset({ProposalOutcome.DEFERRED}),
    "Refused by a gate": frozenset({ProposalOutcome.REFUSED}),
    "Declined by people": frozenset({ProposalOutcome.DECLINED}),
    "Closed by basebump": frozenset({ProposalOutcome.CLOSED, ProposalOutcome.SWEPT}),
    "Failed": frozenset({ProposalOutcome.FAILED}),
}
OTHER_GROUP = "Other outcomes"
"""The heading for outcomes that this version of basebump does not know, because a later version wrote the document."""


@dataclass(frozen=True, slots=True)
class ShownRows(Generic[Row]):
    """The first rows of a list, and the number of rows that were left out."""

    rows: tuple[Row, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class LinkedText:
    """A text that is a link to `address`. If `address` is None, because there is no safe address, it is plain text."""

    text: str
    address: str | None


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """A proposal in a list of the page."""

    repository: str
    title: LinkedText
    outcome: str
    note: str


@dataclass(frozen=True, slots=True)
class ProposalGroup:
    """The proposals that are shown under one heading."""

    heading: str
    total: int
    proposals: ShownRows[ProposalRow]


@dataclass(frozen=True, slots=True)
class NotUpdatedRow:
    """An image reference that is not updated, and the reason."""

    image: str
    anchor: str | None
    """The anchor of the image on the page; None if the list of images leaves the image out."""
    status: str
    why: str
    repository: str
    place: str
    """The position of the reference in the repository: `path:line`."""


@dataclass(frozen=True, slots=True)
class ImageUserRow:
    """One image reference in the list of all references that use an image."""

    repository: str
    place: str
    """The position of the reference in the repository: `path:line`."""
    digest: str
    """The shortened digest; empty if the reference has no digest."""
    status: str


@dataclass(frozen=True, slots=True)
class ImageRow:
    """An image, with the list of image references that use it."""

    anchor: str
    image: str
    places: int
    repositories: int
    pinned: int
    statuses: str
    users: ShownRows[ImageUserRow]


@dataclass(frozen=True, slots=True)
class RepositoryRow:
    """The counts of one repository."""

    repository: str
    forge: str
    places: int
    pinned: int
    moving: int
    proposals: int
    unsupported: int
    note: str


@dataclass(frozen=True, slots=True)
class FleetPage:
    """All values of the page.

    Every text was shortened to one line of limited length, but is not escaped: the template escapes it for HTML.
    """

    levels: str
    started: datetime | None
    ended: datetime | None
    figures: tuple[tuple[str, str], ...]
    charts: tuple[PageChart, ...]
    failed: ShownRows[FailureFacts]
    groups: tuple[ProposalGroup, ...]
    still: ShownRows[NotUpdatedRow]
    images: ShownRows[ImageRow]
    repositories: ShownRows[RepositoryRow]
    reasons: tuple[tuple[str, str], ...]


def build_page(run: RunFacts, rows: int) -> FleetPage:
    """Return the values of the page, with at most `rows` rows in each list."""
    located = [OccurrenceInRepository(tree, occurrence) for tree in run.repositories for occurrence in tree.occurrences]
    images = _group_by_image(located)
    anchors = {key: f"image-{number}" for number, key in enumerate(list(images)[:rows], 1)}
    return FleetPage(
        levels=", ".join(_shorten(level) for level in run.levels),
        started=run.started,
        ended=run.ended,
        figures=_build_figures(run, located, len(images)),
        charts=build_charts(located),
        failed=_cut_rows(run.failures, rows, _shorten_failure),
        groups=tuple(_build_groups(run, rows)),
        still=_build_not_updated_rows(located, anchors, rows),
        images=_cut_rows(list(images), rows, lambda key: _build_image_row(key, anchors[key], images[key])),
        repositories=_cut_rows(run.repositories, rows, _build_repository_row),
        reasons=_list_reasons(located),
    )


def _cut_rows(entries: Sequence[Facts], rows: int, build_row: Callable[[Facts], Row]) -> ShownRows[Row]:
    return ShownRows(tuple(map(build_row, entries[:rows])), max(0, len(entries) - rows))


def _shorten(text: str, limit: int = MAX_NOTE_LENGTH) -> str:
    return make_console_line(text, limit)


def _group_by_image(located: Iterable[OccurrenceInRepository]) -> Mapping[ImageKey, list[OccurrenceInRepository]]:
    """Group image references by the image that they name. The groups are sorted by image."""
    images: dict[ImageKey, list[OccurrenceInRepository]] = {}
    for at in sorted(located, key=lambda at: at.image):
        images.setdefault(at.image, []).append(at)
    return images


def _build_figures(
    run: RunFacts, located: Sequence[OccurrenceInRepository], images: int
) -> tuple[tuple[str, str], ...]:
    total, pinned = len(located), sum(at.occurrence.digest is not None for at in located)
    proposals = sum(len(tree.proposals) for tree in run.repositories)
    return (
        ("Repositories", f"{len(run.repositories)}"),
        ("Images", f"{images}"),
        ("Places", f"{total}"),
        ("Pinned by digest", f"{pinned} of {total}" if total else "none"),
        ("Can move now", f"{sum(can_update_now(at.occurrence) for at in located)}"),
        ("Proposals", f"{proposals}"),
        ("Failures of basebump", f"{len(run.failures)}"),
    )


def _build_groups(run: RunFacts, rows: int) -> Iterable[ProposalGroup]:
    by_group: dict[str, list[tuple[RepositoryFacts, ProposalFacts]]] = {}
    for tree in run.repositories:
        for proposal in tree.proposals:
            by_group.setdefault(get_group_heading(proposal.outcome), []).append((tree, proposal))
    for heading in (*_OUTCOMES_BY_HEADING, OTHER_GROUP):
        group_proposals = by_group.get(heading, [])
        if group_proposals:
            yield ProposalGroup(heading, len(group_proposals), _cut_rows(group_proposals, rows, _build_proposal_row))


def get_group_heading(outcome: str) -> str:
    """Return the heading under which the page lists proposals with this outcome, such as `Open` or `Waiting`."""
    return next((heading for heading, outcomes in _OUTCOMES_BY_HEADING.items() if outcome in outcomes), OTHER_GROUP)


def _build_proposal_row(entry: tuple[RepositoryFacts, ProposalFacts]) -> ProposalRow:
    tree, proposal = entry
    address = proposal.url if proposal.url is not None and is_safe_url(proposal.url) else None
    title = LinkedText(_shorten(proposal.title) or _shorten(proposal.branch), address)
    return ProposalRow(_format_repository(tree), title, _shorten(proposal.outcome), _shorten(proposal.note or ""))


def _shorten_failure(failure: FailureFacts) -> FailureFacts:
    return FailureFacts(_shorten(failure.subject), _shorten(failure.stage), _shorten(failure.error))


def _build_not_updated_rows(
    located: Sequence[OccurrenceInRepository], anchors: Mapping[ImageKey, str], rows: int
) -> ShownRows[NotUpdatedRow]:
    order = {status.value: number for number, status in enumerate(_NOT_UPDATED_STATUSES)}
    not_updated = sorted(
        (at for at in located if at.occurrence.status in order), key=lambda at: order[at.occurrence.status]
    )

    def build_row(at: OccurrenceInRepository) -> NotUpdatedRow:
        return NotUpdatedRow(
            _format_image(at.image),
            anchors.get(at.image),
            _format_status(at.occurrence),
            _shorten(at.occurrence.detail or _get_reason_sentence(at.occurrence.reason)),
            _format_repository(at.repository),
            _format_position(at.occurrence),
        )

    return _cut_rows(not_updated, rows, build_row)


def _build_image_row(key: ImageKey, anchor: str, users: Sequence[OccurrenceInRepository]) -> ImageRow:
    statuses = Counter(at.occurrence.status for at in users)
    return ImageRow(
        anchor=anchor,
        image=_format_image(key),
        places=len(users),
        repositories=len({(at.repository.forge, at.repository.name) for at in users}),
        pinned=sum(at.occurrence.digest is not None for at in users),
        statuses=", ".join(
            f"{count} {_shorten(status)}" for status, count in statuses.most_common(len(OccurrenceStatus))
        ),
        users=_cut_rows(users, MAX_OCCURRENCES, _build_user_row),
    )


def _build_user_row(at: OccurrenceInRepository) -> ImageUserRow:
    digest = shorten_digest(Digest(at.occurrence.digest)) if at.occurrence.digest is not None else ""
    return ImageUserRow(
        _format_repository(at.repository),
        _format_position(at.occurrence),
        _shorten(digest),
        _format_status(at.occurrence),
    )


def _build_repository_row(tree: RepositoryFacts) -> RepositoryRow:
    return RepositoryRow(
        repository=_format_repository(tree),
        forge=_shorten(tree.forge),
        places=len(tree.occurrences),
        pinned=sum(occurrence.digest is not None for occurrence in tree.occurrences),
        moving=sum(map(can_update_now, tree.occurrences)),
        proposals=len(tree.proposals),
        unsupported=tree.unsupported_count,
        note=_shorten(tree.note or ""),
    )


def _list_reasons(located: Iterable[OccurrenceInRepository]) -> tuple[tuple[str, str], ...]:
    used_reasons = {at.occurrence.reason for at in located}
    return tuple((reason.value, reason.sentence) for reason in Reason if reason.value in used_reasons)


def _get_reason_sentence(reason: str | None) -> str:
    return Reason(reason).sentence if reason in set(Reason) else ""


def _format_status(occurrence: OccurrenceFacts) -> str:
    return _shorten(
        f"{occurrence.status} ({occurrence.reason})" if occurrence.reason is not None else occurrence.status
    )


def _format_position(occurrence: OccurrenceFacts) -> str:
    return f"{_shorten(occurrence.path)}:{occurrence.line_number}"


def _format_image(key: ImageKey) -> str:
    canonical, tag = key
    return _shorten(f"{canonical}:{tag}" if tag else canonical)


def _format_repository(tree: RepositoryFacts) -> str:
    return _shorten(f"{tree.name} ({tree.base_branch})" if tree.base_branch else tree.name)
