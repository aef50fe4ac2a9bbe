"""Fingerprints of proposals: whether the text of an open request differs from that of the current run.

A report consists of 16 hexadecimal digits: 8 over the proposed changes, 6 over the evidence, one that counts images
whose signatures could not be fetched, and one that counts other unknowns: images that were not scanned or whose
contents could not be fetched, and lists and documents that could not be read. If a proposal has several transitions, a
dash and a bit mask of the transitions with incomplete evidence follow, so that a text with evidence on one image is
never replaced by a text with evidence on another image instead.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum

from bot.core.evidence.withheld import LEFT_OUT
from bot.core.proposal.view.proposal import ProposalView
from bot.model.advisory import AdvisoryList
from bot.model.evidence import Evidence, NotScanned
from bot.model.signature import SignatureUnknown

PROPOSED = 8
"""Digits over the proposed changes."""
_KNOWN_END = 14
_MOST_UNKNOWN = 0xF
MAX_MOVES = 256
"""Transitions of one proposal with their own bit in the mask; further ones share the bits of the first."""

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
"""Fields that may change without a new review. Of package lists and contents only their availability counts."""


def fingerprint(view: ProposalView, evidence: Iterable[Evidence]) -> str:
    """Return the report of a view that was built from `evidence`, which has the order of the view's transitions."""
    moves = list(evidence)
    unsigned, unknown = [_unsigned(each) for each in moves], [_unknown(each) for each in moves]
    proposed, known = _hash(_plain(view, _VOLATILE | _KNOWN)), _hash(_plain(view, _VOLATILE))
    report = f"{proposed[:PROPOSED]}{known[: _KNOWN_END - PROPOSED]}{_digit(sum(unsigned))}{_digit(sum(unknown))}"
    lacking = (place % MAX_MOVES for place, counts in enumerate(zip(unsigned, unknown, strict=True)) if any(counts))
    mask = sum(1 << place for place in set(lacking))
    return f"{report}-{mask:x}" if mask and len(moves) > 1 else report


def _unsigned(evidence: Evidence) -> int:
    """Count the images whose signatures could not be fetched."""
    found = evidence.signatures
    return sum(isinstance(each, SignatureUnknown) for each in (found.old, found.new)) if found else 0


def _unknown(evidence: Evidence) -> int:
    """Count other unknowns: scans, lists of exploited vulnerabilities, and image contents."""
    scans = (evidence.old, evidence.new)
    unscanned = sum(isinstance(each, NotScanned) and each != LEFT_OUT for each in scans)
    unread = len(evidence.list_versions.unread_lists - {AdvisoryList.EPSS}) if evidence.list_versions is not None else 0
    return unscanned + unread + _unseen(evidence)


def _unseen(evidence: Evidence) -> int:
    """Count the images whose contents were requested and could not be fetched."""
    if evidence.contents is None:
        return 0
    old = [evidence.contents.old] if evidence.old is not None else []
    return sum(each is None for each in (*old, evidence.contents.new))


def is_outdated(report: str, wanted: str) -> bool:
    """Return True if the text with `report` has to be replaced by the text with `desired_report`.

    As long as both propose the same, a text with fewer scans or signatures never replaces one with more.
    """
    return report != wanted and not knows_less(report, wanted)


def knows_less(report: str, wanted: str) -> bool:
    """Return True if `desired_report` proposes the same as `report`, with less evidence."""
    before, after = _parted(report), _parted(wanted)
    if before.proposed != after.proposed:
        return False
    are_more = any(now > then for now, then in zip(after.counts, before.counts, strict=True))
    return are_more or bool(after.lacking & ~before.lacking)


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of a report that measure the evidence."""

    proposed: str
    counts: str
    lacking: int
    """A bit mask of the transitions with incomplete evidence; zero in a report of one transition."""


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
