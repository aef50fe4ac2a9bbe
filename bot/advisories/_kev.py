"""CISA's catalogue of known exploited vulnerabilities (KEV), in JSON.

https://www.cisa.gov/known-exploited-vulnerabilities-catalog
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from bot.advisories.source import MalformedError
from bot.core.evidence.finding_keys import is_cve

MAX_CATALOGUE_SIZE = 32 * 1024 * 1024
"""Bytes; in 2026 the catalogue has one and a half million, and grows by less than a fifth per year."""


@dataclass(frozen=True, slots=True)
class KevCatalogue:
    """All known exploited vulnerabilities, as of one day."""

    day: date
    ids: frozenset[str]


def parse_catalogue(content: bytes) -> KevCatalogue:
    """Parse the catalogue. Raises MalformedError; a partial result would imply that the rest is not exploited."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise MalformedError("is not JSON") from None
    match document:
        case {"dateReleased": str(released), "vulnerabilities": [_, *_] as entries}:
            return KevCatalogue(_parse_day(released), frozenset(_parse_ids(entries)))
    raise MalformedError("is not a catalogue as CISA publishes it: it lacks `dateReleased`, or `vulnerabilities`")


def _parse_day(released: str) -> date:
    try:
        return date.fromisoformat(released[:10])
    except ValueError:
        raise MalformedError("is not a catalogue as CISA publishes it: its `dateReleased` is not a date") from None


def _parse_ids(entries: Sequence[object]) -> Iterator[str]:
    for entry in entries:
        match entry:
            case {"cveID": str(identifier)} if is_cve(identifier):
                yield identifier
            case _:
                raise MalformedError("is not a catalogue as CISA publishes it: it has an entry without a `cveID`")
