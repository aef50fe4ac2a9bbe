"""Exposure: the vulnerabilities of the images in use, and where a fix for each of them exists."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from bot.model.config_types.markers import Check
from bot.model.due_date import FixPeriods, check_periods
from bot.model.evidence import Finding, ScanOutcome


class FixPlace(StrEnum):
    """The place where the fix of a vulnerability exists. The place determines who can act."""

    IN_UPDATE = "in-update"
    """A newer digest of the tag contains the fix, even if the update to it is held or refused. The repository acts."""
    IN_DISTRIBUTION = "in-distribution"
    """The distribution or the package's publisher released the fix, but no digest of the tag contains it. The publisher
    of the image acts."""
    NO_FIX = "no-fix"
    """No version of the package fixes the vulnerability."""


@dataclass(frozen=True, slots=True)
class ExposedFinding:
    """A vulnerability of an image in use."""

    finding: Finding
    fix: FixPlace | None
    """None if it is unknown whether the newer digest of the tag contains the fix, because this digest was not
    scanned."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """The vulnerabilities of one image in use."""

    in_use: ScanOutcome
    """The scan of the image in use. If the image was not scanned, its vulnerabilities are unknown, not zero."""
    findings: tuple[ExposedFinding, ...] = ()
    """The findings that no statement suppresses, those known to be exploited first, then by descending severity."""
    exploited_ids: frozenset[str] | None = None
    """Ids of the vulnerabilities that are known to be exploited; None if the list was not read."""
    is_private: bool = False
    """True if the findings must not be shown where everyone can read them."""
    at: datetime | None = None
    """The time at which the exposure was determined, from which the age of fixes is counted; None if it is unknown."""


@dataclass(frozen=True, slots=True)
class ExposurePeriods(FixPeriods):
    """How long `check` accepts that an image in use lacks a published fix, by the vulnerability that it fixes.

    A vulnerability without a duration of its own gets that of the next lower severity that has one. The duration of a
    more urgent class must not be longer than that of a less urgent one.
    """

    in_distribution: bool = False
    """Whether fixes count that the distribution has published, but that no digest of the tag contains."""

    def tighten(self, other: Self) -> Self:
        """Return the shorter duration of each class. More fixes count if they count in one of the two."""
        in_distribution = self.in_distribution or other.in_distribution
        return replace(FixPeriods.tighten(self, other), in_distribution=in_distribution)


ExposureDurations = Annotated[ExposurePeriods, Check(check_periods)]
