"""Data about vulnerabilities from public lists, in addition to the findings of scanners."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

MAX_KEV_AGE = timedelta(days=30)
"""CISA adds entries every week, so an older list says little about the newest vulnerabilities."""


class AdvisoryList(StrEnum):
    """A source of vulnerability data. The values are the names that configs and reports use."""

    KEV = "kev"
    """CISA's list of vulnerabilities that are known to be exploited (KEV)."""
    EPSS = "epss"
    """FIRST's scores of the probability that a vulnerability is exploited within thirty days (EPSS)."""
    VEX = "vex"
    """Documents in which authors state which vulnerabilities do not affect their images (VEX)."""


@dataclass(frozen=True, slots=True)
class ListVersions:
    """The dates of the public lists KEV and EPSS. A date is None if its list is not configured or could not be read."""

    kev_date: date | None = None
    epss_date: date | None = None
    unread_lists: frozenset[AdvisoryList] = frozenset()
    """Configured lists that could not be read. Their data is unknown, and must not be treated as empty."""

    def is_kev_old(self, database: datetime | None) -> bool:
        """Return True if KEV is so much older than the scanner's database that newer entries are missing in it."""
        return self.kev_date is not None and database is not None and database.date() - self.kev_date > MAX_KEV_AGE


@dataclass(frozen=True, slots=True)
class AdvisoryResult:
    """The entries of the public lists KEV and EPSS for the vulnerability ids in a query."""

    exploited_ids: frozenset[str] | None = None
    """Ids of vulnerabilities that are known to be exploited; None if the list is not configured or not readable."""
    epss_scores: Mapping[str, float] | None = None
    """The probability (0 to 1) that each vulnerability is exploited. Vulnerabilities without a score are missing. None
    if the list is not configured or not readable."""
    list_versions: ListVersions = field(default_factory=ListVersions)
    errors: Mapping[AdvisoryList, str] = field(default_factory=dict)
    """The error for each list that could not be read."""
