"""What an update brings that a rule does not allow, and whether staying would be worse."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bot.core.evidence.compare import count_by_severity
from bot.core.evidence.several_platforms import comparable
from bot.model.evidence import Evidence, Scan, Severity
from bot.model.rules import Allowance

Counts = Mapping[Severity, int]
"""Distinct vulnerabilities."""


@dataclass(frozen=True, slots=True)
class Excess:
    """More vulnerabilities of one severity than a rule allows an update to bring."""

    severity: Severity
    brought: int
    allowed: int
    staying: Counts
    """Of the image in the file."""
    moving: Counts
    """Of the newer one."""

    @property
    def keeps_worse(self) -> bool:
        """Whether refusing would keep the worse image: the one with more of this severity, or of any above it."""
        return self._from_the_worst(self.staying) > self._from_the_worst(self.moving)

    def __str__(self) -> str:
        """Say what it brings, and what staying and moving leave."""
        shown = [each for each in _DOWN if each >= self.severity and (self.staying[each] or self.moving[each])]
        staying, moving = (
            " and ".join(f"{counts[each]} {each.word}" for each in shown) for counts in (self.staying, self.moving)
        )
        brings = f"it brings {self.brought} {self.severity.word} where a rule allows {self.allowed}"
        return f"{brings}; staying leaves {staying}, moving {moving}"

    def _from_the_worst(self, counts: Counts) -> tuple[int, ...]:
        return tuple(counts[each] for each in _DOWN if each >= self.severity)


_DOWN = tuple(sorted(Severity, reverse=True))


def excess(evidence: Evidence, allowances: Collection[Allowance]) -> Excess | None:
    """Return what is too much, of the worst severity; None too where old and new were not compared.

    Where a platform is unknown, each of the others counts by itself, and one on which staying is no worse comes first.
    """
    parts = (evidence,) if evidence.delta is not None else comparable(evidence)
    found = [each for part in parts if (each := _excess(part, allowances)) is not None]
    return min(found, key=lambda each: (each.keeps_worse, -each.severity), default=None)


def _excess(evidence: Evidence, allowances: Collection[Allowance]) -> Excess | None:
    if evidence.delta is None or not isinstance(evidence.old, Scan) or not isinstance(evidence.new, Scan):
        return None
    brought, staying, moving = (
        count_by_severity(findings)
        for findings in (evidence.delta.introduced, evidence.old.findings, evidence.new.findings)
    )
    too_many = (each for each in allowances if brought[each.severity] > each.most)
    worst = max(too_many, key=lambda each: each.severity, default=None)
    return Excess(worst.severity, brought[worst.severity], worst.most, staying, moving) if worst is not None else None
