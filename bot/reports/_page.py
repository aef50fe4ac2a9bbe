"""The page of a fleet as values: what is counted, in which order, and how many rows of each list are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from bot.core.markdown import is_address, one_line
from bot.core.notes import MAX_NOTE
from bot.core.transition import short
from bot.model.evidence import Severity
from bot.model.reference import Digest
from bot.model.vocabulary import ProposalOutcome, Reason, Status
from bot.reports.run_facts import FailureFacts, MoveFacts, PlaceFacts, ProposalFacts, RepositoryFacts, RunFacts

MAX_PLACES = 50
"""Places that are shown of one image, so that one image that all use does not push out the others."""

Row = TypeVar("Row")
Facts = TypeVar("Facts")
ImageKey = tuple[str, str]
"""A canonical repository, and a tag or nothing."""
_NOT_MOVED = (Status.GONE, Status.REFUSED, Status.HELD, Status.SUPERSEDED, Status.UNRESOLVED)
"""What people look for first where something does not move: the worst is first."""
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
    "Declined by people": frozenset({ProposalOutcome.DECLINED}),
    "Closed by basebump": frozenset({ProposalOutcome.CLOSED, ProposalOutcome.SWEPT}),
    "Failed": frozenset({ProposalOutcome.FAILED}),
}
OTHER_GROUP = "Other outcomes"
"""Of documents that a later basebump wrote."""
_AGES: tuple[tuple[str, timedelta | None], ...] = (
    ("less than a week", timedelta(days=7)),
    ("a week to a month", timedelta(days=30)),
    ("one to three months", timedelta(days=90)),
    ("three months to a year", timedelta(days=365)),
    ("more than a year", None),
)
AGE_UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Cut(Generic[Row]):
    """The first rows of a list, and how many there are besides."""

    rows: tuple[Row, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Bar:
    """One number of a chart."""

    label: str
    counts: tuple[int, ...]
    """As many as the chart has columns."""
    widths: tuple[int, ...]
    """The same in hundredths of the largest number."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A table of numbers with bars beside them."""

    title: str
    columns: tuple[str, ...]
    bars: tuple[Bar, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Linked:
    """A text, and the address that it leads to, where that is one beyond doubt."""

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
    """Proposals of which people think as one."""

    heading: str
    total: int
    proposals: Cut[ProposalRow]


@dataclass(frozen=True, slots=True)
class StillRow:
    """A place that does not move, and why."""

    image: str
    anchor: str | None
    """Where the page has the image."""
    status: str
    why: str
    repository: str
    place: str


@dataclass(frozen=True, slots=True)
class UserRow:
    """A place that uses an image."""

    repository: str
    place: str
    digest: str
    """Short; empty where it has none."""
    status: str


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One image, and who uses it."""

    anchor: str
    image: str
    places: int
    repositories: int
    pinned: int
    statuses: str
    users: Cut[UserRow]


@dataclass(frozen=True, slots=True)
class RepositoryRow:
    """One repository in numbers."""

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
    """All of the page. Texts are of one line and bounded; what makes them safe for HTML is the template's escaping."""

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


@dataclass(frozen=True, slots=True)
class _At:
    """A place and its repository."""

    tree: RepositoryFacts
    place: PlaceFacts

    @property
    def image(self) -> ImageKey:
        return self.place.canonical, self.place.tag or ""


def page(run: RunFacts, rows: int) -> Page:
    """Return the page with at most `rows` rows of each list."""
    every = [_At(tree, place) for tree in run.repositories for place in tree.places]
    images = _by_image(every)
    anchors = {key: f"image-{number}" for number, key in enumerate(list(images)[:rows], 1)}
    return Page(
        levels=", ".join(_line(level) for level in run.levels),
        started=run.started,
        ended=run.ended,
        figures=_figures(run, every, len(images)),
        charts=_charts(every),
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


def _by_image(every: Iterable[_At]) -> Mapping[ImageKey, list[_At]]:
    """Return all places of each image, in the order of their names."""
    images: dict[ImageKey, list[_At]] = {}
    for at in sorted(every, key=lambda at: at.image):
        images.setdefault(at.image, []).append(at)
    return images


def _figures(run: RunFacts, every: Sequence[_At], images: int) -> tuple[tuple[str, str], ...]:
    total, pinned = len(every), sum(at.place.digest is not None for at in every)
    proposals = sum(len(tree.proposals) for tree in run.repositories)
    return (
        ("Repositories", f"{len(run.repositories)}"),
        ("Images", f"{images}"),
        ("Places that name one", f"{total}"),
        ("Pinned by digest", f"{pinned} of {total}" if total else "none"),
        ("Can move now", f"{sum(_moves(at.place) for at in every)}"),
        ("Proposals", f"{proposals}"),
        ("Failures of basebump", f"{len(run.failed)}"),
    )


def _moves(place: PlaceFacts) -> bool:
    return place.status in {Status.UPDATE, Status.GONE} and place.new_digest is not None


def _charts(every: Sequence[_At]) -> tuple[Chart, ...]:
    found = Counter(at.place.status for at in every)
    words = [*(status.value for status in Status if found[status.value]), *sorted(found.keys() - set(Status))]
    statuses = _chart("What is true of the places", ("places",), [(_line(word), (found[word],)) for word in words])
    return tuple(chart for chart in (statuses, _vulnerabilities(every), _ages(every)) if chart.bars)


def _distinct_moves(every: Iterable[_At]) -> list[MoveFacts]:
    """Return each move once, whatever the number of its places."""
    moves: dict[tuple[str | None, ...], MoveFacts] = {}
    for at in every:
        place = at.place
        if place.move is not None and _moves(place):
            moves.setdefault((*at.image, place.digest, place.new_tag, place.new_digest), place.move)
    return list(moves.values())


def _vulnerabilities(every: Sequence[_At]) -> Chart:
    """Compare what is in use with what is offered, where both were scanned: unknown is no number."""
    moves = _distinct_moves(every)
    pairs = [
        (move.old.counts, move.new.counts)
        for move in moves
        if move.old is not None and move.old.counts is not None and move.new.counts is not None
    ]
    words = [severity.word for severity in sorted(Severity, reverse=True)] if pairs else []
    sides = tuple(zip(*pairs, strict=True))
    rows = [(word, tuple(sum(counts.get(word, 0) for counts in side) for side in sides)) for word in words]
    note = (
        f"Summed over {len(pairs)} of {len(moves)} distinct moves: those of which both images were scanned. "
        "What does not move is not scanned, and counted nowhere."
    )
    return _chart("Known vulnerabilities of what can move", ("in use", "offered"), rows, note)


def _ages(every: Sequence[_At]) -> Chart:
    """Count places by how much older their image is than the one to move to."""
    behind = [_behind(at.place.move) for at in every if _moves(at.place)]
    found = Counter(behind)
    rows = [(label, (found[label],)) for label in (*(label for label, _ in _AGES), AGE_UNKNOWN)] if behind else []
    note = "From when the image in use was built to when the one to move to was, as both say where they were scanned."
    return _chart("How far behind", ("places",), rows, note)


def _behind(move: MoveFacts | None) -> str:
    if move is None or move.old is None or move.old.created is None or move.new.created is None:
        return AGE_UNKNOWN
    age = move.new.created - move.old.created
    return next(label for label, limit in _AGES if limit is None or age < limit)


def _chart(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, tuple[int, ...]]], note: str = "") -> Chart:
    most = max((count for _, counts in rows for count in counts), default=0) or 1
    bars = tuple(Bar(label, counts, tuple(_width(count, most) for count in counts)) for label, counts in rows)
    return Chart(title, columns, bars, note)


def _width(count: int, most: int) -> int:
    """Return hundredths; what there is can be seen."""
    return max(1, 100 * count // most) if count else 0


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


def _still(every: Sequence[_At], anchors: Mapping[ImageKey, str], rows: int) -> Cut[StillRow]:
    order = {status.value: number for number, status in enumerate(_NOT_MOVED)}
    found = sorted((at for at in every if at.place.status in order), key=lambda at: order[at.place.status])

    def row(at: _At) -> StillRow:
        return StillRow(
            _image(at.image),
            anchors.get(at.image),
            _status(at.place),
            _line(at.place.detail or _sentence(at.place.reason)),
            _named(at.tree),
            _where(at.place),
        )

    return _cut(found, rows, row)


def _image_row(key: ImageKey, anchor: str, users: Sequence[_At]) -> ImageRow:
    statuses = Counter(at.place.status for at in users)
    return ImageRow(
        anchor=anchor,
        image=_image(key),
        places=len(users),
        repositories=len({(at.tree.forge, at.tree.name) for at in users}),
        pinned=sum(at.place.digest is not None for at in users),
        statuses=", ".join(f"{count} {_line(status)}" for status, count in statuses.most_common(len(Status))),
        users=_cut(users, MAX_PLACES, _user),
    )


def _user(at: _At) -> UserRow:
    digest = short(Digest(at.place.digest)) if at.place.digest is not None else ""
    return UserRow(_named(at.tree), _where(at.place), _line(digest), _status(at.place))


def _repository_row(tree: RepositoryFacts) -> RepositoryRow:
    return RepositoryRow(
        repository=_named(tree),
        forge=_line(tree.forge),
        places=len(tree.places),
        pinned=sum(place.digest is not None for place in tree.places),
        moving=sum(map(_moves, tree.places)),
        proposals=len(tree.proposals),
        unsupported=tree.unsupported,
        note=_line(tree.note or ""),
    )


def _reasons(every: Iterable[_At]) -> tuple[tuple[str, str], ...]:
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
