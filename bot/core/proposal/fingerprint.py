"""Fingerprints of proposals: whether what is open still says what a run would say now.

A report is 16 hexadecimal digits: 8 over what is proposed, 6 over what is known of it, one that counts the images whose
signatures nobody could ask for, and one that counts what else is not known: images that were not scanned, or into which
nobody could look, and lists and documents that could not be read. Behind a dash follows, where a proposal has several
moves, of which of them something is not known, one bit for each: a text that knows one image never gives way to one
that knows another in its place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum

from bot.core.evidence.withheld import LEFT_OUT
from bot.core.proposal.view.proposal import ProposalView
from bot.model.advisory import Listing
from bot.model.evidence import Evidence, NotScanned
from bot.model.signature import SignatureUnknown

PROPOSED = 8
"""Digits over what is proposed."""
_KNOWN_END = 14
_MOST_UNKNOWN = 0xF
MAX_MOVES = 256
"""Moves of one proposal that are told apart; further ones share the places of the first."""

_KNOWN = frozenset(
    {
        *("before", "after", "delta", "trust", "on_platforms", "scanner", "notes", "is_exploited_unknown"),
        "total",
    }
)
_VOLATILE = frozenset(
    {
        *("database", "scanner_version", "built", "title", "line_numbers", "detail"),
        *("packages", "contents", "other"),
        *("epss", "epss_list", "exploited_list"),
    }
)
"""What may change without anybody having to read it again: of what is in two digests, only whether it is known."""


def fingerprint(view: ProposalView, evidence: Iterable[Evidence]) -> str:
    """Return the report of a view that was built from `evidence`, that of each move in the order of the moves."""
    moves = list(evidence)
    unsigned, unknown = [_unsigned(each) for each in moves], [_unknown(each) for each in moves]
    proposed, known = _hash(_plain(view, _VOLATILE | _KNOWN)), _hash(_plain(view, _VOLATILE))
    report = f"{proposed[:PROPOSED]}{known[: _KNOWN_END - PROPOSED]}{_digit(sum(unsigned))}{_digit(sum(unknown))}"
    lacking = (place % MAX_MOVES for place, counts in enumerate(zip(unsigned, unknown, strict=True)) if any(counts))
    mask = sum(1 << place for place in set(lacking))
    return f"{report}-{mask:x}" if mask and len(moves) > 1 else report


def _unsigned(evidence: Evidence) -> int:
    """Count the images whose signatures nobody could ask for."""
    found = evidence.signatures
    return sum(isinstance(each, SignatureUnknown) for each in (found.old, found.new)) if found else 0


def _unknown(evidence: Evidence) -> int:
    """Count what else is not known: scans, lists of what is exploited, and what is in the images."""
    scans = (evidence.old, evidence.new)
    unscanned = sum(isinstance(each, NotScanned) and each != LEFT_OUT for each in scans)
    unread = len(evidence.asked.unread - {Listing.EPSS}) if evidence.asked is not None else 0
    return unscanned + unread + _unseen(evidence)


def _unseen(evidence: Evidence) -> int:
    """Count the images into which somebody wanted to look, and could not."""
    if evidence.contents is None:
        return 0
    old = [evidence.contents.old] if evidence.old is not None else []
    return sum(each is None for each in (*old, evidence.contents.new))


def is_outdated(report: str, wanted: str) -> bool:
    """Say whether a text with one report is to be replaced by a text with another.

    While both propose the same, a text that knows of fewer scans or signatures never replaces one that knows of more.
    """
    return report != wanted and not knows_less(report, wanted)


def knows_less(report: str, wanted: str) -> bool:
    """Say whether a text with the report `wanted` knows less than one with `report` of the same proposal."""
    before, after = _parted(report), _parted(wanted)
    if before.proposed != after.proposed:
        return False
    are_more = any(now > then for now, then in zip(after.counts, before.counts, strict=True))
    return are_more or bool(after.lacking & ~before.lacking)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a report says of how much is known."""

    proposed: str
    counts: str
    lacking: int
    """The moves, one bit for each, of which something is not known; none for a report of one move."""


def _parted(report: str) -> _Parts:
    digits, _, mask = report.partition("-")
    return _Parts(digits[:PROPOSED], digits[_KNOWN_END:], int(mask, 16) if mask else 0)


def _digit(count: int) -> str:
    return f"{min(count, _MOST_UNKNOWN):x}"


def _hash(plain: object) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _plain(value: object, without: frozenset[str]) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value) if field.name not in without]
        return {name: _plain(getattr(value, name), without) for name in names}
    if isinstance(value, tuple):
        return [_plain(each, without) for each in value]
    return value.value if isinstance(value, Enum) else value
