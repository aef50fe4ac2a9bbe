"""Builds the figures at the top of the fleet page: what a security lead asks first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.model.evidence import Severity
from bot.model.vocabulary import ReferenceStatus
from bot.reports._image_rows import ImageRow
from bot.reports._page_charts import ReferenceInRepository, list_distinct_updates
from bot.reports.run_facts import ProposalFacts

NOT_LOOKED_UP = "not looked up"
NOT_SCANNED = "not scanned"


@dataclass(frozen=True, slots=True)
class RiskFigure:
    """A figure with a link to the images or proposals that it counts."""

    label: str
    value: str
    note: str
    query: str
    """The state of the table of images that shows these images, such as `severity=critical`, or a section."""
    is_alarming: bool
    """True if somebody must act on it."""


def build_risk_figures(
    located: Sequence[ReferenceInRepository], images: Sequence[ImageRow], proposals: Sequence[ProposalFacts]
) -> tuple[RiskFigure, ...]:
    """Return the figures: exploited and critical vulnerabilities, the oldest image, and images without a scan.

    The first figure is the number of references to blocked digests, if there are some. The number of overdue proposals
    follows, if proposals have due dates.
    """
    return (
        *_build_blocked_figures(located),
        *_build_overdue_figures(proposals),
        _build_exploited_figure(located),
        _build_critical_figure(located),
        _build_age_figure(images),
        _build_unscanned_figure(images),
    )


def build_stuck_figure(stuck: int) -> RiskFigure:
    """Return the number of updates that wait longer than usual for a merge, a build or a deployment."""
    note = "updates that wait too long for a merge, a build or a deployment"
    return RiskFigure("Stuck", f"{stuck:,}", note, "stages", is_alarming=stuck > 0)


def _build_overdue_figures(proposals: Sequence[ProposalFacts]) -> Iterator[RiskFigure]:
    due = sum(each.due_at is not None for each in proposals)
    accepted = sum(each.accepted_risk is not None for each in proposals)
    unknown = sum(each.is_due_unknown for each in proposals)
    if due or unknown or accepted:
        overdue = sum(each.is_overdue for each in proposals)
        note = f"proposals with a due date; {unknown:,} not scanned; {accepted:,} declined (accepted risk)"
        yield RiskFigure("Overdue", f"{overdue:,} of {due:,}", note, "proposals", is_alarming=overdue > 0)


def _build_blocked_figures(located: Sequence[ReferenceInRepository]) -> Iterator[RiskFigure]:
    """Yield the number of references to blocked digests, if there are some."""
    blocked = [each.reference for each in located if each.reference.status == ReferenceStatus.BLOCKED.value]
    if blocked:
        unreplaced = sum(each.new_digest is None for each in blocked)
        note = f"references to images that must not be used; {unreplaced:,} without a known replacement"
        yield RiskFigure("Blocked, in use", f"{len(blocked):,}", note, "status=blocked", is_alarming=True)


def _build_exploited_figure(located: Sequence[ReferenceInRepository]) -> RiskFigure:
    counts = [each.exploited for each in list_distinct_updates(located) if each.exploited is not None]
    old, new = sum(each.old for each in counts), sum(each.new for each in counts)
    value = f"{old:,} → {new:,}" if counts else NOT_LOOKED_UP
    note = "now → after all updates" if counts else "no list is configured (enrichment.kev)"
    return RiskFigure("Known exploited, in use", value, note, "severity=exploited", is_alarming=old > 0)


def _build_critical_figure(located: Sequence[ReferenceInRepository]) -> RiskFigure:
    pairs = [
        (each.old.counts, each.new.counts)
        for each in list_distinct_updates(located)
        if each.old is not None and each.old.counts is not None and each.new.counts is not None
    ]
    critical = Severity.CRITICAL.word
    old, new = (sum(pair[side].get(critical, 0) for pair in pairs) for side in (0, 1))
    value = f"{old:,} → {new:,}" if pairs else NOT_SCANNED
    note = "now → after all updates" if pairs else "no update has scans of both images"
    return RiskFigure("Critical, in use", value, note, "severity=critical", is_alarming=old > 0)


def _build_age_figure(images: Sequence[ImageRow]) -> RiskFigure:
    oldest = max(images, key=lambda row: -1 if row.age_days is None else row.age_days, default=None)
    if oldest is None or oldest.age_days is None:
        value, note = "not known", "only scans tell the age of an image"
    else:
        value, note = f"{oldest.age_days} day{'' if oldest.age_days == 1 else 's'}", oldest.image
    return RiskFigure("Oldest image in use", value, note, "sort=age", is_alarming=False)


def _build_unscanned_figure(images: Sequence[ImageRow]) -> RiskFigure:
    count = sum(row.counts is None for row in images)
    return RiskFigure(
        "Images not scanned",
        f"{count:,} of {len(images):,}",
        "images without an update are not scanned",
        "severity=unscanned",
        is_alarming=False,
    )
