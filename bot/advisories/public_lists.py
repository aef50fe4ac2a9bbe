"""Looks up vulnerabilities in two public lists: CISA's KEV and FIRST's EPSS.

KEV lists vulnerabilities that are known to be exploited. EPSS gives the probability that a vulnerability is exploited.

https://www.cisa.gov/known-exploited-vulnerabilities-catalog, https://www.first.org/epss/data_stats
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from typing import TypeVar

from bot.advisories.source import DocumentSource, MalformedError, UnreadableSourceError
from bot.core.evidence.finding_keys import is_cve
from bot.model.advisory import AdvisoryList, AdvisoryResult, ListVersions

T = TypeVar("T")

KEV_URL = "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json"
"""CISA's own URL of the KEV list: https://www.cisa.gov/known-exploited-vulnerabilities-catalog."""
EPSS_URL = "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz"
"""The URL of today's EPSS scores, according to https://www.first.org/epss/data_stats."""


class PublicLists:
    """Looks up vulnerabilities in the KEV and EPSS lists.

    Both lists are optional. A list is read once, when it is needed.
    """

    def __init__(
        self, kev: DocumentSource | None = None, epss: DocumentSource | None = None, *, are_optional: bool = False
    ) -> None:
        """Create the lists from their sources.

        If `are_optional` is True, a list that cannot be read is treated as unread, and no error is reported.
        """
        self._kev, self._epss = kev, epss
        self._are_optional = are_optional
        self._is_read = False
        self._catalogue: KevCatalogue | None = None
        self._scores: EpssScores | None = None
        self._errors: dict[AdvisoryList, str] = {}

    def query_lists(self, ids: Collection[str]) -> AdvisoryResult:
        """Return which of the vulnerabilities `ids` are in the KEV list, and their EPSS scores.

        If a list cannot be read, the result has no data from this list, and its `errors` contain the reason.
        """
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
            errors={} if self._are_optional else dict(self._errors),
        )

    def _read_list(
        self, advisory_list: AdvisoryList, source: DocumentSource | None, limit: int, parse: Callable[[bytes], T]
    ) -> T | None:
        """Read and parse a list; return None if the list is not configured or cannot be read.

        `source` is the configured file or URL, and `limit` is its maximum size in bytes. If the list cannot be read,
        the error is stored in `_errors`.
        """
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


_NOT_KEV = "is not a KEV catalogue in the format published by CISA"

MAX_CATALOGUE_SIZE = 32 * 1024 * 1024
"""The largest catalogue, in bytes. In 2026 the catalogue has 1.5 million bytes, and it grows by less than a fifth per
year."""


@dataclass(frozen=True, slots=True)
class KevCatalogue:
    """CISA's catalogue of vulnerabilities that are known to be exploited, as published on one day."""

    day: date
    ids: frozenset[str]


def parse_catalogue(content: bytes) -> KevCatalogue:
    """Parse CISA's catalogue. Raises MalformedError if any part is invalid.

    A catalogue with an invalid part is not used at all, because a vulnerability that is missing in it would count as
    not exploited.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise MalformedError("is not JSON") from None
    match document:
        case {"dateReleased": str(released), "vulnerabilities": [_, *_] as entries}:
            return KevCatalogue(_parse_day(released), frozenset(_parse_ids(entries)))
    raise MalformedError(f"{_NOT_KEV}: `dateReleased` or `vulnerabilities` is missing")


def _parse_day(released: str) -> date:
    try:
        return date.fromisoformat(released[:10])
    except ValueError:
        raise MalformedError(f"{_NOT_KEV}: `dateReleased` is not a date") from None


def _parse_ids(entries: Sequence[object]) -> Iterator[str]:
    for entry in entries:
        match entry:
            case {"cveID": str(identifier)} if is_cve(identifier):
                yield identifier
            case _:
                raise MalformedError(f"{_NOT_KEV}: an entry has no CVE ID in `cveID`")


MAX_SCORES_SIZE = 128 * 1024 * 1024
"""The largest EPSS file after decompression, in bytes. In 2026 the file has ten million bytes, for 300,000
vulnerabilities."""

_NOT_EPSS = "is not an EPSS score list in the format published by FIRST (first.org)"
_DAY = re.compile(rb"#.*\bscore_date:(\d{4}-\d\d-\d\d)")
_HEADER = b"cve,epss,percentile"


@dataclass(frozen=True, slots=True)
class EpssScores:
    """All EPSS scores of one day.

    The rows of the file are kept as text. Parsing all rows would take much memory, and only a few rows are needed.
    """

    day: date
    _rows: bytes

    def get_scores(self, ids: Collection[str]) -> Mapping[str, float]:
        """Return the scores of the vulnerabilities `ids`, from 0 to 1. Vulnerabilities without a score are left out.

        Raises MalformedError if one of these scores is invalid.
        """
        return dict(self._find_scores({identifier.encode() for identifier in ids}))

    def _find_scores(self, ids: Collection[bytes]) -> Iterator[tuple[str, float]]:
        for row in BytesIO(self._rows):
            identifier, _, rest = row.partition(b",")
            if identifier in ids:
                yield identifier.decode(), _parse_probability(rest.partition(b",")[0])


def parse_scores(content: bytes) -> EpssScores:
    """Parse the date and the header of an EPSS file. `get_scores` parses the rows that it needs.

    Raises MalformedError if the date or the header is invalid.
    """
    first, _, rest = content.partition(b"\n")
    header, _, rows = rest.partition(b"\n")
    date_match = _DAY.match(first)
    if date_match is None or header.strip() != _HEADER:
        raise MalformedError(f"{_NOT_EPSS}: `score_date` or an expected column is missing")
    try:
        return EpssScores(date.fromisoformat(date_match[1].decode()), rows)
    except ValueError:
        raise MalformedError(f"{_NOT_EPSS}: `score_date` is not a date") from None


def _parse_probability(text: bytes) -> float:
    try:
        probability = float(text)
    except ValueError:
        probability = -1.0
    if not 0 <= probability <= 1:
        raise MalformedError(f"{_NOT_EPSS}: a score is not a number from 0 to 1")
    return probability
