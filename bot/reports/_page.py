"""Builds the values of the fleet page: counts, order of the lists, and the number of rows that each list shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from bot.core.markdown import is_address, one_line
from bot.core.notes import MAX_NOTE
from bot.core.transition import short
from bot.model.reference import Digest
from bot.model.vocabulary import OccurrenceStatus, ProposalOutcome, Reason
from bot.reports._page_charts import At, Chart, ImageKey, charts, moves_now
from bot.reports.run_facts import FailureFacts, PlaceFacts, ProposalFacts, RepositoryFacts, RunFacts

MAX_PLACES = 50
"""Image references that are shown for one image, so that a common image does not displace the others."""

Row = TypeVar("Row")
Facts = TypeVar("Facts")
_NOT_MOVED = (OccurrenceStatus.GONE, OccurrenceStatus.REFUSED, OccurrenceStatus.HELD, OccurrenceStatus.SUPERSEDED, OccurrenceStatus.UNRESOLVED)
"""Statuses of references that are not updated, most urgent first."""
_GROUPS: Mapping[str, frozenset[ProposalOutcome]] = {
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
"""Heading for outcomes that this version does not know, in documents of a later version."""


@dataclass(frozen=True, slots=True)
class Cut(Generic[Row]):
    """The first rows of a list, and the number of rows that are left out."""

    rows: tuple[Row, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Linked:
    """A text, and the address that it links to; None if the address is not certain to be one."""

    text: str
    address: str | None


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """One proposal."""

    repository: str
    title: Linked
    outcome: str
    note: str


@dataclass(frozen=True, slots=True)
class ProposalGroup:
    """Proposals that are shown under one heading."""

    heading: str
    total: int
    proposals: Cut[ProposalRow]


@dataclass(frozen=True, slots=True)
class StillRow:
    """An image reference that is not updated, and why."""

    image: str
    anchor: str | None
    """Anchor of the image on the page."""
    status: str
    why: str
    repository: str
    place: str


@dataclass(frozen=True, slots=True)
class UserRow:
    """An image reference of an image."""

    repository: str
    place: str
    digest: str
    """Shortened digest; empty if the reference has none."""
    status: str


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One image with its image references."""

    anchor: str
    image: str
    places: int
    repositories: int
    pinned: int
    statuses: str
    users: Cut[UserRow]


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
class Page:
    """All values of the page.

    Texts are cut to one line of limited length. The template makes them safe by escaping them for HTML.
    """

    levels: str
    started: datetime | None
    ended: datetime | None
    figures: tuple[tuple[str, str], ...]
    charts: tuple[Chart, ...]
    failed: Cut[FailureFacts]
    groups: tuple[ProposalGroup, ...]
    still: Cut[StillRow]
    images: Cut[ImageRow]
    repositories: Cut[RepositoryRow]
    reasons: tuple[tuple[str, str], ...]


def page(run: RunFacts, rows: int) -> Page:
    """Return the page with at most `rows` rows in each list."""
    every = [At(tree, place) for tree in run.repositories for place in tree.places]
    images = _by_image(every)
    anchors = {key: f"image-{number}" for number, key in enumerate(list(images)[:rows], 1)}
    return Page(
        levels=", ".join(_line(level) for level in run.levels),
        started=run.started,
        ended=run.ended,
        figures=_figures(run, every, len(images)),
        charts=charts(every),
        failed=_cut(run.failed, rows, _failure),
        groups=tuple(_groups(run, rows)),
        still=_still(every, anchors, rows),
        images=_cut(list(images), rows, lambda key: _image_row(key, anchors[key], images[key])),
        repositories=_cut(run.repositories, rows, _repository_row),
        reasons=_reasons(every),
    )


def _cut(found: Sequence[Facts], rows: int, shown: Callable[[Facts], Row]) -> Cut[Row]:
    return Cut(tuple(map(shown, found[:rows])), max(0, len(found) - rows))


def _line(text: str, limit: int = MAX_NOTE) -> str:
    return one_line(text, limit)


def _by_image(every: Iterable[At]) -> Mapping[ImageKey, list[At]]:
    """Return the image references of each image, sorted by image."""
    images: dict[ImageKey, list[At]] = {}
    for at in sorted(every, key=lambda at: at.image):
        images.setdefault(at.image, []).append(at)
    return images


def _figures(run: RunFacts, every: Sequence[At], images: int) -> tuple[tuple[str, str], ...]:
    total, pinned = len(every), sum(at.place.digest is not None for at in every)
    proposals = sum(len(tree.proposals) for tree in run.repositories)
    return (
        ("Repositories", f"{len(run.repositories)}"),
        ("Images", f"{images}"),
        ("Places", f"{total}"),
        ("Pinned by digest", f"{pinned} of {total}" if total else "none"),
        ("Can move now", f"{sum(moves_now(at.place) for at in every)}"),
        ("Proposals", f"{proposals}"),
        ("Failures of basebump", f"{len(run.failed)}"),
    )


def _groups(run: RunFacts, rows: int) -> Iterable[ProposalGroup]:
    by_group: dict[str, list[tuple[RepositoryFacts, ProposalFacts]]] = {}
    for tree in run.repositories:
        for proposal in tree.proposals:
            by_group.setdefault(group_of(proposal.outcome), []).append((tree, proposal))
    for heading in (*_GROUPS, OTHER_GROUP):
        found = by_group.get(heading, [])
        if found:
            yield ProposalGroup(heading, len(found), _cut(found, rows, _proposal_row))


def group_of(outcome: str) -> str:
    """Return the heading under which proposals with an outcome are shown."""
    return next((heading for heading, outcomes in _GROUPS.items() if outcome in outcomes), OTHER_GROUP)


def _proposal_row(found: tuple[RepositoryFacts, ProposalFacts]) -> ProposalRow:
    tree, proposal = found
    address = proposal.url if proposal.url is not None and is_address(proposal.url) else None
    title = Linked(_line(proposal.title) or _line(proposal.branch), address)
    return ProposalRow(_named(tree), title, _line(proposal.outcome), _line(proposal.note or ""))


def _failure(failure: FailureFacts) -> FailureFacts:
    return FailureFacts(_line(failure.subject), _line(failure.stage), _line(failure.error))


def _still(every: Sequence[At], anchors: Mapping[ImageKey, str], rows: int) -> Cut[StillRow]:
    order = {status.value: number for number, status in enumerate(_NOT_MOVED)}
    found = sorted((at for at in every if at.place.status in order), key=lambda at: order[at.place.status])

    def row(at: At) -> StillRow:
        return StillRow(
            _image(at.image),
            anchors.get(at.image),
            _status(at.place),
            _line(at.place.detail or _sentence(at.place.reason)),
            _named(at.tree),
            _where(at.place),
        )

    return _cut(found, rows, row)


def _image_row(key: ImageKey, anchor: str, users: Sequence[At]) -> ImageRow:
    statuses = Counter(at.place.status for at in users)
    return ImageRow(
        anchor=anchor,
        image=_image(key),
        places=len(users),
        repositories=len({(at.tree.forge, at.tree.name) for at in users}),
        pinned=sum(at.place.digest is not None for at in users),
        statuses=", ".join(f"{count} {_line(status)}" for status, count in statuses.most_common(len(OccurrenceStatus))),
        users=_cut(users, MAX_PLACES, _user),
    )


def _user(at: At) -> UserRow:
    digest = short(Digest(at.place.digest)) if at.place.digest is not None else ""
    return UserRow(_named(at.tree), _where(at.place), _line(digest), _status(at.place))


def _repository_row(tree: RepositoryFacts) -> RepositoryRow:
    return RepositoryRow(
        repository=_named(tree),
        forge=_line(tree.forge),
        places=len(tree.places),
        pinned=sum(place.digest is not None for place in tree.places),
        moving=sum(map(moves_now, tree.places)),
        proposals=len(tree.proposals),
        unsupported=tree.unsupported,
        note=_line(tree.note or ""),
    )


def _reasons(every: Iterable[At]) -> tuple[tuple[str, str], ...]:
    given = {at.place.reason for at in every}
    return tuple((reason.value, reason.sentence) for reason in Reason if reason.value in given)


def _sentence(reason: str | None) -> str:
    return Reason(reason).sentence if reason in set(Reason) else ""


def _status(place: PlaceFacts) -> str:
    return _line(f"{place.status} ({place.reason})" if place.reason is not None else place.status)


def _where(place: PlaceFacts) -> str:
    return f"{_line(place.path)}:{place.line_number}"


def _image(key: ImageKey) -> str:
    canonical, tag = key
    return _line(f"{canonical}:{tag}" if tag else canonical)


def _named(tree: RepositoryFacts) -> str:
    return _line(f"{tree.name} ({tree.base_branch})" if tree.base_branch else tree.name)
