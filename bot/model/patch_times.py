"""How long a fleet took to merge fixes of vulnerabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from bot.model.inventory import BranchKey, StoredRequest

if TYPE_CHECKING:  # only annotations need these imports, so they do not slow down the start
    from bot.model.fleet_history import HeldDigest
    from bot.model.update_stages import UpdateStage


class FixSeverity(StrEnum):
    """The most severe vulnerability that an update fixes, most severe first."""

    EXPLOITED = "exploited"
    """A vulnerability that is known to be exploited, of any severity."""
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    UNKNOWN = "unknown"
    """The scanner states no severity of the vulnerabilities."""


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
    """The last pull request of basebump for the update."""
    is_merged_by_basebump: bool = False
    """True if a pull request of basebump was merged; False if the fix waits, or reached the base branch in another way.
    """
    published_at: datetime | None = None
    """The time since which the fix was published and the base branch needed it; None if the scanner states no time."""
    proposed_at: datetime | None = None
    """The opening of the first pull request for the update; None if the forge does not record it."""
    replaced: HeldDigest | None = None
    """The time in which the base branch held the vulnerable digest; None if it is not known."""
    ends: Mapping[UpdateStage, datetime | None] = field(default_factory=dict)
    """The stages that the fix passes, each with the time at which it reached the stage; None if it waits. Stages of
    which nothing is known are missing. Empty if neither builds nor clusters are read."""

    @property
    def wait(self) -> timedelta | None:
        """The time from the availability of the fix to its merge; None if it still waits."""
        return max(self.patched_at - self.available_at, timedelta()) if self.patched_at is not None else None

    @property
    def wait_since_published(self) -> timedelta | None:
        """The time from the publication of the fix to its merge; None if one of them is not known."""
        if self.patched_at is None or self.published_at is None:
            return None
        return max(self.patched_at - self.published_at, timedelta())


class PatchGrouping(StrEnum):
    """The property by which patches are grouped in a table."""

    ALL = "all"
    SEVERITY = "severity"
    TEAM = "team"
    REPOSITORY = "repository"
    MONTH = "month"
    STAGE = "stage"
    """The stage at which the wait ends. All other groupings are about the merge."""


@dataclass(frozen=True, slots=True)
class WaitSummary:
    """How long some fixes waited. All waits have the same kind of start, and end at the same stage.

    The end is the merge, except for summaries of a later or earlier stage.
    """

    merged: int
    """The number of fixes that reached the end."""
    median: timedelta | None
    """The median of the times until the end; None if none reached it."""
    percentile_90: timedelta | None
    """Nine of ten fixes reached the end within this time; None if none did."""
    open: int
    """The number of fixes that wait."""
    oldest_open: timedelta | None
    """The longest time for which a fix has been waiting; None if no fix waits."""

    @property
    def fixes(self) -> int:
        """The number of fixes whose start is known."""
        return self.merged + self.open


@dataclass(frozen=True, slots=True)
class PatchSummary:
    """The times to patch of one group of patches."""

    group: str
    """The value that the patches have in common, such as `critical`, `@acme/web` or `2026-11`."""
    since_seen: WaitSummary
    """The times since the fixes were available, because basebump saw a digest that contains them."""
    since_published: WaitSummary
    """The times since the fixes were published, only for fixes whose publication is known."""
    until_stages: Mapping[UpdateStage, WaitSummary] = field(default_factory=dict)
    """The times of `since_seen` until each stage, only for fixes of which this stage is known. Stages of which nothing
    is known are missing. Empty if neither builds nor clusters are read, and for the summary of a stage."""


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
    published_median: timedelta | None = None
    """The same from the publication of the fixes; None if no publication is known of the fixes merged shortly before.
    """


@dataclass(frozen=True, slots=True)
class TeamTrend:
    """The fixes of one team over time."""

    team: str
    points: tuple[TrendPoint, ...]


@dataclass(frozen=True, slots=True)
class FleetTrends:
    """The fixes of a fleet over time, and the summaries of the whole time."""

    points: tuple[TrendPoint, ...]
    by_severity: tuple[PatchSummary, ...]
    by_team: tuple[PatchSummary, ...]
    teams: tuple[TeamTrend, ...] = ()
    """The fixes of each team over time, in the order of `by_team`."""
    by_stage: tuple[PatchSummary, ...] = ()
    """How long fixes took until each stage; empty if neither builds nor clusters are read."""
