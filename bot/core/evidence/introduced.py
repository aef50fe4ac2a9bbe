"""Limits on the vulnerabilities that an update may add, and whether the old image is worse."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bot.core.evidence.compare import count_by_severity
from bot.core.evidence.several_platforms import comparable
from bot.model.evidence import Evidence, Scan, Severity
from bot.model.rules import IntroducedLimit

Counts = Mapping[Severity, int]
"""Distinct vulnerabilities by severity."""


@dataclass(frozen=True, slots=True)
class Excess:
    """More vulnerabilities of one severity than a rule allows an update to add."""

    severity: Severity
    brought: int
    allowed: int
    staying: Counts
    """Counts for the pinned image."""
    moving: Counts
    """Counts for the new image."""

    @property
    def keeps_worse(self) -> bool:
        """Whether the pinned image is the worse one: it has more of this severity, or of a higher one."""
        return self._from_the_worst(self.staying) > self._from_the_worst(self.moving)

    def __str__(self) -> str:
        """Return a sentence with the added and allowed number, and the counts of both images."""
        shown = [each for each in _DOWN if each >= self.severity and (self.staying[each] or self.moving[each])]
        staying, moving = (
            " and ".join(f"{counts[each]} {each.word}" for each in shown) for counts in (self.staying, self.moving)
        )
        brings = f"it brings {self.brought} {self.severity.word} where a rule allows {self.allowed}"
        return f"{brings}; staying leaves {staying}, moving {moving}"

    def _from_the_worst(self, counts: Counts) -> tuple[int, ...]:
        return tuple(counts[each] for each in _DOWN if each >= self.severity)


_DOWN = tuple(sorted(Severity, reverse=True))


def excess(evidence: Evidence, allowances: Collection[IntroducedLimit]) -> Excess | None:
    """Return the exceeded limit of the worst severity; None if there is none, or the images were not compared.

    If a platform has no comparison, each of the others is checked separately. Platforms on which the pinned image is
    not the worse one take precedence.
    """
    parts = (evidence,) if evidence.delta is not None else comparable(evidence)
    found = [each for part in parts if (each := _excess(part, allowances)) is not None]
    return min(found, key=lambda each: (each.keeps_worse, -each.severity), default=None)


def _excess(evidence: Evidence, allowances: Collection[IntroducedLimit]) -> Excess | None:
    if evidence.delta is None or not isinstance(evidence.old, Scan) or not isinstance(evidence.new, Scan):
        return None
    brought, staying, moving = (
        count_by_severity(findings)
        for findings in (evidence.delta.introduced, evidence.old.findings, evidence.new.findings)
    )
    too_many = (each for each in allowances if brought[each.severity] > each.maximum)
    worst = max(too_many, key=lambda each: each.severity, default=None)
    return (
        Excess(worst.severity, brought[worst.severity], worst.maximum, staying, moving) if worst is not None else None
    )
