"""Looks up vulnerabilities in CISA's list of exploited ones and FIRST's list of exploitation probabilities."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from bot.advisories._epss import MAX_SCORES, Scores, parse_scores
from bot.advisories._kev import MAX_CATALOGUE, Catalogue, parse_catalogue
from bot.advisories.source import MalformedError, Source, UnreadableError
from bot.model.advisory import AdvisoryList, AdvisoryResult, ListVersions

T = TypeVar("T")


class PublicLists:
    """Reads each list once, on the first lookup."""

    def __init__(self, kev: Source | None = None, epss: Source | None = None) -> None:
        self._kev, self._epss = kev, epss
        self._is_read = False
        self._catalogue: Catalogue | None = None
        self._scores: Scores | None = None
        self._troubles: dict[AdvisoryList, str] = {}

    def about(self, ids: Collection[str]) -> AdvisoryResult:
        """Return the entries of the lists for `ids`."""
        if not self._is_read:
            self._is_read = True
            self._catalogue = self._read(AdvisoryList.KEV, self._kev, MAX_CATALOGUE, parse_catalogue)
            self._scores = self._read(AdvisoryList.EPSS, self._epss, MAX_SCORES, parse_scores)
        scores = self._scores_of(ids)
        catalogue = self._catalogue
        return AdvisoryResult(
            exploited_ids=catalogue.ids.intersection(ids) if catalogue else None,
            epss_scores=scores,
            list_versions=ListVersions(
                kev_date=catalogue.day if catalogue else None,
                epss_date=self._scores.day if self._scores else None,
                unread_lists=frozenset(self._troubles),
            ),
            errors=dict(self._troubles),
        )

    def _read(self, listing: AdvisoryList, source: Source | None, limit: int, parse: Callable[[bytes], T]) -> T | None:
        """Return the list; None if it is not configured, or if it cannot be read, which is recorded as an error."""
        if source is None:
            return None
        try:
            return parse(source.read(limit))
        except UnreadableError as error:
            self._troubles[listing] = str(error)
        except MalformedError as error:
            self._troubles[listing] = f"{source} {error}"
        return None

    def _scores_of(self, ids: Collection[str]) -> Mapping[str, float] | None:
        if self._scores is None:
            return None
        try:
            return self._scores.of(ids)
        except MalformedError as error:
            self._troubles[AdvisoryList.EPSS] = f"{self._epss} {error}"
            self._scores = None
        return None
