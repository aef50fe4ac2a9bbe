"""The order of proposals by their fixes, the most urgent first."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from bot.core.evidence.compare import has_fix_for
from bot.core.evidence.effect import describe_unknown_effects
from bot.model.advisory import AdvisoryList
from bot.model.evidence import Evidence, Severity, Urgency


class FixRank(StrEnum):
    """The rank of the worst vulnerability that the updates of a proposal fix.

    The members are in the order in which a text lists them.
    """

    BLOCKED = "blocked"
    GONE = "gone"
    EXPLOITED = "exploited"
    CRITICAL = "critical"
    HIGH = "high"
    LESSER = "lesser"
    UNKNOWN = "unknown"
    NOTHING = "nothing"

    @property
    def heading(self) -> str:
        """The rank as a heading."""
        return _HEADINGS[self]

    @property
    def position(self) -> int:
        """The position in the order; 0 is the most urgent rank."""
        return _ORDER.index(self)


_ORDER = tuple(FixRank)
_HEADINGS: dict[FixRank, str] = {
    FixRank.BLOCKED: "The digest in use is blocked",
    FixRank.GONE: "The digest in the file is gone",
    FixRank.EXPLOITED: "Known exploited",
    FixRank.CRITICAL: "Critical",
    FixRank.HIGH: "High",
    FixRank.LESSER: "Medium, low and unrated",
    FixRank.UNKNOWN: "Effect not known",
    FixRank.NOTHING: "No known fixes",
}


_URGENCIES: dict[FixRank, Urgency] = {
    FixRank.EXPLOITED: AdvisoryList.KEV,
    FixRank.CRITICAL: Severity.CRITICAL,
    FixRank.HIGH: Severity.HIGH,
    FixRank.LESSER: Severity.UNKNOWN,
}


def rank_fixes(evidence: Sequence[Evidence], *, is_gone: bool = False, is_blocked: bool = False) -> FixRank:
    """Return the rank of updates with the given evidence.

    `is_gone` is True if a registry lost a digest in a file, and `is_blocked` if a digest in use is blocked.
    """
    if is_blocked:
        return FixRank.BLOCKED
    if is_gone:
        return FixRank.GONE
    for rank, urgency in _URGENCIES.items():
        if any(has_fix_for(each, urgency) for each in evidence):
            return rank
    return FixRank.UNKNOWN if not evidence or describe_unknown_effects(evidence) else FixRank.NOTHING
