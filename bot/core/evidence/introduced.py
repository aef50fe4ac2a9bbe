"""Limits on the vulnerabilities that an update may add, and whether the old image is worse."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bot.core.evidence.compare import count_by_severity
from bot.core.evidence.several_platforms import list_checked_evidence
from bot.model.evidence import Evidence, Scan, Severity
from bot.model.rules import IntroducedLimit

SeverityCounts = Mapping[Severity, int]
"""Distinct vulnerabilities by severity."""


@dataclass(frozen=True, slots=True)
class LimitExceeded:
    """More vulnerabilities of one severity than a rule allows an update to add."""

    severity: Severity
    introduced_count: int
    allowed_count: int
    old_counts: SeverityCounts
    """Counts for the pinned image."""
    new_counts: SeverityCounts
    """Counts for the new image."""

    @property
    def is_old_image_worse(self) -> bool:
        """Whether the pinned image is the worse one: it has more of this severity, or of a higher one."""
        return self._get_counts_worst_first(self.old_counts) > self._get_counts_worst_first(self.new_counts)

    def __str__(self) -> str:
        """Return a sentence with the added and allowed number, and the counts of both images."""
        shown = [each for each in _SEVERITIES_WORST_FIRST if each >= self.severity and (self.old_counts[each] or self.new_counts[each])]
        staying, moving = (
            " and ".join(f"{counts[each]} {each.word}" for each in shown) for counts in (self.old_counts, self.new_counts)
        )
        brings = f"it brings {self.introduced_count} {self.severity.word} where a rule allows {self.allowed_count}"
        return f"{brings}; staying leaves {staying}, moving {moving}"

    def _get_counts_worst_first(self, counts: SeverityCounts) -> tuple[int, ...]:
        return tuple(counts[each] for each in _SEVERITIES_WORST_FIRST if each >= self.severity)


_SEVERITIES_WORST_FIRST = tuple(sorted(Severity, reverse=True))


def find_exceeded_limit(evidence: Evidence, allowances: Collection[IntroducedLimit]) -> LimitExceeded | None:
    """Return the exceeded limit of the worst severity; None if there is none, or the images were not compared.

    If a platform has no comparison, each of the others is checked separately. Platforms on which the pinned image is
    not the worse one take precedence.
    """
    parts = (evidence,) if evidence.delta is not None else list_checked_evidence(evidence)
    exceeded_limits = [each for part in parts if (each := _check_limits(part, allowances)) is not None]
    return min(exceeded_limits, key=lambda each: (each.is_old_image_worse, -each.severity), default=None)


def _check_limits(evidence: Evidence, allowances: Collection[IntroducedLimit]) -> LimitExceeded | None:
    if evidence.delta is None or not isinstance(evidence.old, Scan) or not isinstance(evidence.new, Scan):
        return None
    introduced_counts, old_counts, new_counts = (
        count_by_severity(findings)
        for findings in (evidence.delta.introduced, evidence.old.findings, evidence.new.findings)
    )
    exceeded_allowances = (each for each in allowances if introduced_counts[each.severity] > each.maximum)
    worst_allowance = max(exceeded_allowances, key=lambda each: each.severity, default=None)
    return (
        LimitExceeded(worst_allowance.severity, introduced_counts[worst_allowance.severity], worst_allowance.maximum, old_counts, new_counts) if worst_allowance is not None else None
    )
