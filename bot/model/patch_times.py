"""How long a fleet took to merge fixes of vulnerabilities."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.model.inventory import BranchKey, StoredRequest


class FixSeverity(StrEnum):
    """The most severe vulnerability that an update fixes, most severe first."""

    EXPLOITED = "exploited"
    """A vulnerability that is known to be exploited, of any severity."""
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    UNKNOWN = "unknown"
    """The scanner knows no severity of the vulnerabilities."""


@dataclass(frozen=True, slots=True)
class Patch:
    """An update of a base branch that fixes vulnerabilities, whether it was merged or still waits."""

    key: BranchKey
    image: str
    """The image before the update, without its digest. If the update has several images, one of them."""
    severity: FixSeverity
    available_at: datetime
    """The time since which the base branch could have had the fix."""
    patched_at: datetime | None
    """The time at which the fix was merged; None if it still waits."""
    owners: tuple[str, ...]
    request: StoredRequest
    """The last request of basebump for the update."""
    is_merged_by_basebump: bool = False
    """True if a request of basebump was merged; False if the fix waits, or reached the base branch in another way."""


class PatchGrouping(StrEnum):
    """The property by which patches are grouped in a table."""

    ALL = "all"
    SEVERITY = "severity"
    TEAM = "team"
    REPOSITORY = "repository"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class PatchSummary:
    """The times to patch of one group of patches."""

    group: str
    """The value that the patches have in common, such as `critical`, `@acme/web` or `2026-11`."""
    patched: int
    median: timedelta | None
    """The median of the times from the availability of a fix to its merge; None if none was merged."""
    percentile_90: timedelta | None
    """Nine of ten fixes were merged within this time; None if none was merged."""
    open: int
    """The number of fixes that wait."""
    oldest_open: timedelta | None
    """The time since the availability of the fix that waits the longest; None if none waits."""


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """The fixes of a fleet at one time."""

    at: datetime
    open: int
    """The number of fixes that waited."""
    exploited_open: int
    """The number of these fixes of vulnerabilities that are known to be exploited."""
    overdue: int
    """The number of these fixes whose due date had passed."""
    median: timedelta | None
    """The median of the times to patch of the fixes that were merged shortly before; None if none was merged."""


@dataclass(frozen=True, slots=True)
class FleetTrends:
    """The fixes of a fleet over time, and the summaries of the whole time."""

    points: tuple[TrendPoint, ...]
    by_severity: tuple[PatchSummary, ...]
    by_team: tuple[PatchSummary, ...]
