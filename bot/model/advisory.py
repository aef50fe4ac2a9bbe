"""Data about vulnerabilities from public lists, in addition to the findings of scanners."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


class AdvisoryList(StrEnum):
    """A source of vulnerability data, by the name that users and configs have for it."""

    KEV = "kev"
    """CISA's list of vulnerabilities that are known to be exploited (KEV)."""
    EPSS = "epss"
    """FIRST's scores of how likely a vulnerability is exploited in the next thirty days (EPSS)."""
    VEX = "vex"
    """Documents in which authors state which vulnerabilities do not affect their images (VEX)."""


@dataclass(frozen=True, slots=True)
class ListVersions:
    """The dates of the lists that were read; None for a list that was not configured or could not be read."""

    kev_date: date | None = None
    epss_date: date | None = None
    unread_lists: frozenset[AdvisoryList] = frozenset()
    """Lists that were configured and could not be read: their data is unknown, which is not the same as empty."""


@dataclass(frozen=True, slots=True)
class AdvisoryResult:
    """Data that the public lists have about some vulnerabilities."""

    exploited_ids: frozenset[str] | None = None
    """Ids that are known to be exploited; None if the list was not configured or could not be read."""
    epss_scores: Mapping[str, float] | None = None
    """The probability (0 to 1) that each id is exploited; ids without a score are missing."""
    list_versions: ListVersions = field(default_factory=ListVersions)
    errors: Mapping[AdvisoryList, str] = field(default_factory=dict)
    """The error for each list that could not be read."""
