"""FIRST's bulk file of EPSS scores, the probabilities of exploitation (https://www.first.org/epss/data_stats)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from io import BytesIO

from bot.advisories.source import MalformedError

MAX_SCORES_SIZE = 128 * 1024 * 1024
"""Bytes, unpacked; in 2026 the file has ten million for three hundred thousand vulnerabilities."""

_DAY = re.compile(rb"#.*\bscore_date:(\d{4}-\d\d-\d\d)")
_HEADER = b"cve,epss,percentile"


@dataclass(frozen=True, slots=True)
class EpssScores:
    """All scores of one day, as unparsed rows: few are looked up, and parsing all of them would take much memory."""

    day: date
    _rows: bytes

    def get_scores(self, ids: Collection[str]) -> Mapping[str, float]:
        """Return the probabilities of the `ids` that have one. Raises MalformedError."""
        return dict(self._find_scores({identifier.encode() for identifier in ids}))

    def _find_scores(self, ids: Collection[bytes]) -> Iterator[tuple[str, float]]:
        for row in BytesIO(self._rows):
            identifier, _, rest = row.partition(b",")
            if identifier in ids:
                yield identifier.decode(), _parse_probability(rest.partition(b",")[0])


def parse_scores(content: bytes) -> EpssScores:
    """Parse the date and check the header; the rows stay unparsed. Raises MalformedError."""
    first, _, rest = content.partition(b"\n")
    header, _, rows = rest.partition(b"\n")
    date_match = _DAY.match(first)
    if date_match is None or header.strip() != _HEADER:
        raise MalformedError("is not a list as FIRST publishes it: it lacks `score_date` or the expected columns")
    try:
        return EpssScores(date.fromisoformat(date_match[1].decode()), rows)
    except ValueError:
        raise MalformedError("is not a list as FIRST publishes it: its `score_date` is not a date") from None


def _parse_probability(text: bytes) -> float:
    try:
        probability = float(text)
    except ValueError:
        probability = -1.0
    if not 0 <= probability <= 1:
        raise MalformedError("is not a list as FIRST publishes it: a score is not a number from 0 to 1")
    return probability
