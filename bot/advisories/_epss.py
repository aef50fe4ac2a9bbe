"""FIRST's bulk file of scores: how likely each vulnerability is to be exploited (https://www.first.org/epss/data_stats)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from io import BytesIO

from bot.advisories.source import MalformedError

MAX_SCORES = 128 * 1024 * 1024
"""Bytes, unpacked; in 2026 it has ten million for three hundred thousand vulnerabilities."""

_DAY = re.compile(rb"#.*\bscore_date:(\d{4}-\d\d-\d\d)")
_HEADER = b"cve,epss,percentile"


@dataclass(frozen=True, slots=True)
class Scores:
    """All scores of one day, as they came: few of them are ever asked for, and all as values would fill the memory."""

    day: date
    _rows: bytes

    def of(self, ids: Collection[str]) -> Mapping[str, float]:
        """Return the probability of each id that has one. Raises MalformedError."""
        return dict(self._found({identifier.encode() for identifier in ids}))

    def _found(self, wanted: Collection[bytes]) -> Iterator[tuple[str, float]]:
        for row in BytesIO(self._rows):
            identifier, _, rest = row.partition(b",")
            if identifier in wanted:
                yield identifier.decode(), _probability(rest.partition(b",")[0])


def parse_scores(content: bytes) -> Scores:
    """Read the first lines, which say the day. Raises MalformedError."""
    first, _, rest = content.partition(b"\n")
    header, _, rows = rest.partition(b"\n")
    said = _DAY.match(first)
    if said is None or header.strip() != _HEADER:
        raise MalformedError("is no list as FIRST publishes it: it does not begin with `score_date` and its columns")
    try:
        return Scores(date.fromisoformat(said[1].decode()), rows)
    except ValueError:
        raise MalformedError("is no list as FIRST publishes it: its `score_date` is no date") from None


def _probability(text: bytes) -> float:
    try:
        probability = float(text)
    except ValueError:
        probability = -1.0
    if not 0 <= probability <= 1:
        raise MalformedError("is no list as FIRST publishes it: it has a score that is no number from 0 to 1")
    return probability
