"""Due dates of proposals, and how long the policy allows a fix to stay unmerged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Self, TypeVar

from bot.model.config_types.markers import Check, Example
from bot.model.config_types.times import PositiveAge


class DueClass(StrEnum):
    """The classes of fixes that can have a due date, the most urgent one first.

    The values are the keys in the config file, and the words in marks and reports. They are also the names of the
    fields of `DuePeriods`.
    """

    EXPLOITED = "exploited"
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"

    @property
    def position(self) -> int:
        """The position in the order; 0 is the most urgent class."""
        return _ORDER.index(self)


_ORDER = tuple(DueClass)


class DueUntil(StrEnum):
    """The stage that an update must reach by its due date, the less strict one first.

    The values are those of the key `until` in the config file, and the words in marks and reports.
    """

    MERGED = "merged"
    RUNNING = "running"
    """The update must run in clusters. An update that has no later stage than `merged` must be merged."""

    @property
    def position(self) -> int:
        """The position in the order; 0 is the less strict stage."""
        return tuple(DueUntil).index(self)


class DueFrom(StrEnum):
    """The event from which a due date is counted, the less strict one first.

    The values are those of the key `from` in the config file.
    """

    DIGEST = "digest"
    """A digest with the fix was available."""
    FIX = "fix"
    """The fix was published, which is earlier. If its date is unknown, the digest counts."""

    @property
    def position(self) -> int:
        """The position in the order; 0 is the less strict event."""
        return tuple(DueFrom).index(self)


@dataclass(frozen=True, slots=True)
class FixPeriods:
    """A duration for each class of vulnerabilities.

    A vulnerability without a duration of its own gets that of the next lower severity that has one. The duration of a
    more urgent class must not be longer than that of a less urgent one.
    """

    exploited: Annotated[PositiveAge | None, Example("3d")] = None
    """The duration for a vulnerability that is known to be exploited.

    This needs the list `enrichment.kev`.
    """
    critical: Annotated[PositiveAge | None, Example("7d")] = None
    """The duration for a vulnerability of severity `critical`."""
    high: Annotated[PositiveAge | None, Example("30d")] = None
    """The duration for a vulnerability of severity `high`."""
    medium: Annotated[PositiveAge | None, Example("90d")] = None
    """The duration for a vulnerability of severity `medium`."""

    def list_periods(self) -> Iterator[tuple[DueClass, timedelta]]:
        """Yield the classes that have a period, the most urgent one first, with their periods."""
        for each in DueClass:
            period: timedelta | None = getattr(self, each.value)
            if period is not None:
                yield each, period

    def tighten(self, other: Self) -> Self:
        """Return the shorter duration of each class. If only one of the two has a duration for a class, it is used."""
        pairs = {each.value: (getattr(self, each.value), getattr(other, each.value)) for each in DueClass}
        shorter = {name: min((each for each in pair if each is not None), default=None) for name, pair in pairs.items()}
        return replace(self, **shorter)


@dataclass(frozen=True, slots=True)
class DuePeriods(FixPeriods):
    """How long a fix may take to reach a stage, by the most urgent vulnerability that it fixes.

    A vulnerability without a duration of its own gets that of the next lower severity that has one. The duration of a
    more urgent class must not be longer than that of a less urgent one.
    """

    until: DueUntil = DueUntil.MERGED
    """The stage that the fix must reach within its duration. With `running`, a fix that was merged is overdue until it
    runs. This needs `clusters` and `state`.
    """
    from_: DueFrom = DueFrom.DIGEST
    """The event from which the duration counts: a digest with the fix was available, or the fix was published. If the
    publication date of a fix is unknown, the digest counts.
    """

    def tighten(self, other: Self) -> Self:
        """Return the shorter duration of each class, the later stage and the earlier event."""
        until = max(self.until, other.until, key=lambda each: each.position)
        from_ = max(self.from_, other.from_, key=lambda each: each.position)
        return replace(FixPeriods.tighten(self, other), until=until, from_=from_)


_Periods = TypeVar("_Periods", bound=FixPeriods)


def check_periods(given: _Periods) -> _Periods:
    """Raise ValueError if there is no duration, or if a more urgent class has a longer duration."""
    periods = list(given.list_periods())
    if not periods:
        raise ValueError("must have a duration; hint: write for example `{critical: 7d, high: 30d}`")
    for (urgent, shorter), (other, longer) in pairwise(periods):
        if shorter > longer:
            raise ValueError(f"`{urgent}` must not be longer than `{other}`; hint: swap the durations")
    return given


DueDurations = Annotated[DuePeriods, Check(check_periods)]


def select_shorter_periods(first: _Periods | None, second: _Periods | None) -> _Periods | None:
    """Return the stricter of both in every respect. If one of them is None, return the other one."""
    return first.tighten(second) if first is not None and second is not None else first or second


@dataclass(frozen=True, slots=True)
class DueDate:
    """The time by which a proposal is to be merged, or by which its update is to run."""

    at: datetime
    fixes: DueClass
    """The most urgent class among the fixes that determine the date."""
    is_overdue: bool = False
    """True if `at` has passed. A date that was read from a mark is not compared with the clock, and is False."""
    until: DueUntil = DueUntil.MERGED
    """The stage that the update must reach."""
    is_private: bool = False
    """True if the date may depend on evidence that must not be shown where everyone can read it."""
