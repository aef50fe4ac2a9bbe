"""Builds the charts of the fleet page: tables of numbers with bars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.core.markdown import one_line
from bot.model.evidence import Severity
from bot.model.vocabulary import UPDATABLE_STATUSES, OccurrenceStatus
from bot.reports.run_facts import MoveFacts, PlaceFacts, RepositoryFacts

ImageKey = tuple[str, str]
"""A canonical repository and a tag; the tag is empty if the reference has none."""
_AGES: tuple[tuple[str, timedelta | None], ...] = (
    ("less than a week", timedelta(days=7)),
    ("a week to a month", timedelta(days=30)),
    ("one to three months", timedelta(days=90)),
    ("three months to a year", timedelta(days=365)),
    ("more than a year", None),
)
AGE_UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a chart."""

    label: str
    counts: tuple[int, ...]
    """One number for each column of the chart."""
    widths: tuple[int, ...]
    """The same numbers in percent of the largest number of the chart."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A table of numbers with a bar for each number."""

    title: str
    columns: tuple[str, ...]
    bars: tuple[Bar, ...]
    note: str = ""
    """An explanation of the numbers, or the reason why there are no bars."""


@dataclass(frozen=True, slots=True)
class At:
    """An image reference with its repository."""

    tree: RepositoryFacts
    place: PlaceFacts

    @property
    def image(self) -> ImageKey:
        return self.place.canonical, self.place.tag or ""


def moves_now(place: PlaceFacts) -> bool:
    return place.status in UPDATABLE_STATUSES and place.new_digest is not None


def charts(every: Sequence[At]) -> tuple[Chart, ...]:
    found = Counter(at.place.status for at in every)
    words = [*(status.value for status in OccurrenceStatus if found[status.value]), *sorted(found.keys() - set(OccurrenceStatus))]
    statuses = _chart("What is true of the places", ("places",), [(one_line(word), (found[word],)) for word in words])
    return tuple(chart for chart in (statuses, _vulnerabilities(every), _ages(every)) if chart.bars or chart.note)


def _distinct_moves(every: Iterable[At]) -> list[MoveFacts]:
    """Return each distinct update once, however many image references have it."""
    moves: dict[tuple[str | None, ...], MoveFacts] = {}
    for at in every:
        place = at.place
        if place.move is not None and moves_now(place):
            moves.setdefault((*at.image, place.digest, place.new_tag, place.new_digest), place.move)
    return list(moves.values())


def _vulnerabilities(every: Sequence[At]) -> Chart:
    """Compare the vulnerabilities in use with those on offer, for updates of which both images were scanned."""
    moves = _distinct_moves(every)
    pairs = [
        (move.old.counts, move.new.counts)
        for move in moves
        if move.old is not None and move.old.counts is not None and move.new.counts is not None
    ]
    words = [severity.word for severity in sorted(Severity, reverse=True)]
    sides = tuple(zip(*pairs, strict=True))
    rows = [(word, tuple(sum(counts.get(word, 0) for counts in side) for side in sides)) for word in words]
    title = "Known vulnerabilities of what can move"
    if not pairs:
        is_asked = any(moves_now(at.place) for at in every)
        return Chart(
            title, (), (), "Not known: there is nothing of which both images were scanned." if is_asked else ""
        )
    note = (
        f"Summed over {len(pairs)} of {len(moves)} distinct moves: those of which both images were scanned. "
        "What does not move is not scanned, and counted nowhere."
    )
    return _chart(title, ("in use", "offered"), rows, note)


def _ages(every: Sequence[At]) -> Chart:
    """Count image references by the time between the builds of their image and of the new image."""
    behind = [_behind(at.place.move) for at in every if moves_now(at.place)]
    found = Counter(behind)
    title = "How far behind"
    if not behind:
        return Chart(title, (), ())
    rows = [(label, (found[label],)) for label in (*(label for label, _ in _AGES), AGE_UNKNOWN)]
    note = "From when the image in use was built to when the one to move to was, as both say where they were scanned."
    return _chart(title, ("places",), rows, note)


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
    """Return the width in percent; at least 1 unless the count is 0, so that the bar is visible."""
    return max(1, 100 * count // most) if count else 0
