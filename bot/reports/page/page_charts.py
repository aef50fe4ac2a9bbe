"""Builds the charts of the fleet page: tables of numbers with bars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.core.markdown import make_console_line
from bot.model.evidence import Severity
from bot.model.vocabulary import UPDATABLE_STATUSES, ReferenceStatus
from bot.reports.page.run_facts import ReferenceFacts, RepositoryFacts, UpdateFacts

ImageKey = tuple[str, str]
"""A canonical repository and a tag; the tag is empty if the reference has none."""
_AGE_RANGES: tuple[tuple[str, timedelta | None], ...] = (
    ("less than a week", timedelta(days=7)),
    ("a week to a month", timedelta(days=30)),
    ("one to three months", timedelta(days=90)),
    ("three months to a year", timedelta(days=365)),
    ("more than a year", None),
)
AGE_UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class ChartBar:
    """A row of a chart: a label, and for each column of the chart a number that is drawn as a bar."""

    label: str
    counts: tuple[int, ...]
    """One number for each column of the chart."""
    widths: tuple[int, ...]
    """The numbers in percent of the largest number in the chart."""
    severity: str = ""
    """The severity that the numbers are about, which determines the colour; empty if the numbers are not about a
    severity.
    """


@dataclass(frozen=True, slots=True)
class PageChart:
    """A table of numbers with a bar for each number."""

    title: str
    columns: tuple[str, ...]
    bars: tuple[ChartBar, ...]
    note: str = ""
    """An explanation of the numbers, or the reason why there are no bars; empty if neither is needed."""


@dataclass(frozen=True, slots=True)
class ReferenceInRepository:
    """An image reference, with the git repository that contains it."""

    repository: RepositoryFacts
    reference: ReferenceFacts

    @property
    def image(self) -> ImageKey:
        return self.reference.canonical, self.reference.tag or ""


def can_update_now(reference: ReferenceFacts) -> bool:
    return reference.status in UPDATABLE_STATUSES and reference.new_digest is not None


def build_charts(located: Sequence[ReferenceInRepository]) -> tuple[PageChart, ...]:
    count_by_status = Counter(at.reference.status for at in located)
    status_names = [
        *(status.value for status in ReferenceStatus if count_by_status[status.value]),
        *sorted(count_by_status.keys() - set(ReferenceStatus)),
    ]
    statuses = _build_chart(
        "Status of the image references",
        ("references",),
        [(make_console_line(word), (count_by_status[word],)) for word in status_names],
    )
    return tuple(
        chart
        for chart in (statuses, _build_vulnerability_chart(located), _build_age_chart(located))
        if chart.bars or chart.note
    )


def list_distinct_updates(located: Iterable[ReferenceInRepository]) -> list[UpdateFacts]:
    """Return the updates that can be made now, without duplicates."""
    updates: dict[tuple[str | None, ...], UpdateFacts] = {}
    for at in located:
        reference = at.reference
        if reference.update is not None and can_update_now(reference):
            updates.setdefault((*at.image, reference.digest, reference.new_tag, reference.new_digest), reference.update)
    return list(updates.values())


def _build_vulnerability_chart(located: Sequence[ReferenceInRepository]) -> PageChart:
    """Return a chart that compares the vulnerabilities of the images in use with the vulnerabilities of the new images.

    The chart counts only updates for which both images were scanned.
    """
    updates = list_distinct_updates(located)
    pairs = [
        (move.old.counts, move.new.counts)
        for move in updates
        if move.old is not None and move.old.counts is not None and move.new.counts is not None
    ]
    severity_names = [severity.word for severity in sorted(Severity, reverse=True)]
    sides = tuple(zip(*pairs, strict=True))
    rows = [(word, tuple(sum(counts.get(word, 0) for counts in side) for side in sides)) for word in severity_names]
    title = "Known vulnerabilities of images that can be updated"
    if not pairs:
        has_updates = any(can_update_now(at.reference) for at in located)
        reason = "Not known, because there is no update whose old and new images were both scanned."
        return PageChart(title, (), (), reason if has_updates else "")
    note = (
        f"Summed over {len(pairs)} of {len(updates)} distinct updates, whose old and new images were both scanned. "
        "Other images are not scanned, and are not counted."
    )
    return _build_chart(title, ("in use", "offered"), rows, note, are_severities=True)


def _build_age_chart(located: Sequence[ReferenceInRepository]) -> PageChart:
    """Return a chart that shows how old the images are: the number of image references by difference in age.

    The difference in age is the time between the builds of the old and the new image. The chart has a row for each
    range of differences, such as `a week to a month`.
    """
    age_labels = [_get_age_label(at.reference.update) for at in located if can_update_now(at.reference)]
    count_by_age = Counter(age_labels)
    title = "How far the images are behind"
    if not age_labels:
        return PageChart(title, (), ())
    rows = [(label, (count_by_age[label],)) for label in (*(label for label, _ in _AGE_RANGES), AGE_UNKNOWN)]
    note = (
        "The time between the build of the image in use and the build of the new image. "
        "It is known if both images were scanned and contain their build times."
    )
    return _build_chart(title, ("references",), rows, note)


def _get_age_label(update: UpdateFacts | None) -> str:
    if update is None or update.old is None or update.old.created is None or update.new.created is None:
        return AGE_UNKNOWN
    age = update.new.created - update.old.created
    return next(label for label, limit in _AGE_RANGES if limit is None or age < limit)


def _build_chart(
    title: str,
    columns: tuple[str, ...],
    rows: Sequence[tuple[str, tuple[int, ...]]],
    note: str = "",
    *,
    are_severities: bool = False,
) -> PageChart:
    """Return a chart, in which all bars have the same scale. `are_severities` is True if the labels are severities."""
    largest = max((count for _, counts in rows for count in counts), default=0)
    bars = tuple(
        ChartBar(
            label, counts, tuple(_compute_width(each, largest) for each in counts), label if are_severities else ""
        )
        for label, counts in rows
    )
    return PageChart(title, columns, bars, note)


def _compute_width(count: int, largest: int) -> int:
    """Return the width of a bar in percent. It is at least 1 if the count is not 0, so that the bar is visible."""
    return max(1, 100 * count // largest) if count else 0
