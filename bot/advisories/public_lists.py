"""Looks up vulnerabilities in CISA's list of exploited ones and FIRST's list of exploitation probabilities."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from bot.advisories._epss import MAX_SCORES_SIZE, EpssScores, parse_scores
from bot.advisories._kev import MAX_CATALOGUE_SIZE, KevCatalogue, parse_catalogue
from bot.advisories.source import DocumentSource, MalformedError, UnreadableSourceError
from bot.model.advisory import AdvisoryList, AdvisoryResult, ListVersions

T = TypeVar("T")


class PublicLists:
    """Reads each list once, on the first lookup."""

    def __init__(self, kev: DocumentSource | None = None, epss: DocumentSource | None = None) -> None:
        self._kev, self._epss = kev, epss
        self._is_read = False
        self._catalogue: KevCatalogue | None = None
        self._scores: EpssScores | None = None
        self._errors: dict[AdvisoryList, str] = {}

    def query_lists(self, ids: Collection[str]) -> AdvisoryResult:
        """Return the entries of the lists for `ids`."""
        if not self._is_read:
            self._is_read = True
            self._catalogue = self._read_list(AdvisoryList.KEV, self._kev, MAX_CATALOGUE_SIZE, parse_catalogue)
            self._scores = self._read_list(AdvisoryList.EPSS, self._epss, MAX_SCORES_SIZE, parse_scores)
        scores = self._get_scores(ids)
        catalogue = self._catalogue
        return AdvisoryResult(
            exploited_ids=catalogue.ids.intersection(ids) if catalogue else None,
            epss_scores=scores,
            list_versions=ListVersions(
                kev_date=catalogue.day if catalogue else None,
                epss_date=self._scores.day if self._scores else None,
                unread_lists=frozenset(self._errors),
            ),
            errors=dict(self._errors),
        )

    def _read_list(
        self, advisory_list: AdvisoryList, source: DocumentSource | None, limit: int, parse: Callable[[bytes], T]
    ) -> T | None:
        """Return the list; None if it is not configured, or if it cannot be read, which is recorded as an error."""
        if source is None:
            return None
        try:
            return parse(source.read_content(limit))
        except UnreadableSourceError as error:
            self._errors[advisory_list] = str(error)
        except MalformedError as error:
            self._errors[advisory_list] = f"{source} {error}"
        return None

    def _get_scores(self, ids: Collection[str]) -> Mapping[str, float] | None:
        if self._scores is None:
            return None
        try:
            return self._scores.get_scores(ids)
        except MalformedError as error:
            self._errors[AdvisoryList.EPSS] = f"{self._epss} {error}"
            self._scores = None
        return None
