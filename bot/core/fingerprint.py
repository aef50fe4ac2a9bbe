"""Fingerprints of proposals: whether what is open still says what a run would say now.

A report is 16 hexadecimal digits: 8 over what is proposed, 6 over what is known of it, one that counts the images whose
signatures nobody could ask for, and one that counts what else is not known: images that were not scanned, or into which
nobody could look, and lists and documents that could not be read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum

from bot.core.view.proposal import ProposalView
from bot.core.withheld import LEFT_OUT
from bot.model.advisory import Listing
from bot.model.evidence import Evidence, NotScanned
from bot.model.signature import SignatureUnknown

PROPOSED = 8
"""Digits over what is proposed."""
_KNOWN_END = 14
_MOST_UNKNOWN = 0xF

_KNOWN = frozenset({"before", "after", "delta", "trust", "on_platforms", "scanner", "notes", "is_exploited_unknown"})
_VOLATILE = frozenset(
    {
        *("database", "scanner_version", "built", "title", "line_numbers", "detail"),
        *("packages", "contents", "other"),
        *("epss", "epss_list", "exploited_list"),
    }
)
"""What may change without anybody having to read it again: of what is in two digests, only whether it is known."""


def fingerprint(view: ProposalView, evidence: Mapping[object, Evidence]) -> str:
    """Return the report of a view that was built from `evidence`."""
    scans = [outcome for each in evidence.values() for outcome in (each.old, each.new)]
    signatures = [
        outcome for each in evidence.values() if (found := each.signatures) for outcome in (found.old, found.new)
    ]
    unread = sum(len(each.asked.unread - {Listing.EPSS}) for each in evidence.values() if each.asked is not None)
    unsigned = sum(isinstance(outcome, SignatureUnknown) for outcome in signatures)
    unscanned = sum(isinstance(outcome, NotScanned) and outcome != LEFT_OUT for outcome in scans)
    unknown = unscanned + unread + sum(map(_unseen, evidence.values()))
    proposed, known = _hash(_plain(view, _VOLATILE | _KNOWN)), _hash(_plain(view, _VOLATILE))
    return f"{proposed[:PROPOSED]}{known[: _KNOWN_END - PROPOSED]}{_digit(unsigned)}{_digit(unknown)}"


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
    is_same = report[:PROPOSED] == wanted[:PROPOSED]
    return is_same and any(now > before for now, before in zip(wanted[_KNOWN_END:], report[_KNOWN_END:], strict=True))


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
