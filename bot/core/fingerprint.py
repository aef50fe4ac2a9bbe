"""Fingerprints of proposals: whether what is open still says what a run would say now."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass
from enum import Enum

from bot.core.markdown import Link, Text
from bot.core.view import ProposalView

HALF = 8
"""Hexadecimal digits: the first of a report are over what is proposed, the rest over what is known of it."""

_KNOWN = frozenset({"before", "after", "delta", "scanner"})
_VOLATILE = frozenset({"database", "scanner_version", "built"})


def fingerprint(view: ProposalView) -> str:
    """Return 16 hexadecimal digits over all that matters in a view: dates and the scanner's version do not."""
    return _hash(_plain(view, _VOLATILE | _KNOWN)) + _hash(_plain(view, _VOLATILE))


def is_outdated(report: str, wanted: str, *, is_uncertain: bool) -> bool:
    """Say whether a text with the fingerprint `report` is to be replaced by one with `wanted`.

    While both propose the same, unknown never replaces known: `is_uncertain` says that `wanted` may know less.
    """
    proposes_other = report[:HALF] != wanted[:HALF]
    return proposes_other or (report != wanted and not is_uncertain)


def _hash(plain: object) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:HALF]


def _plain(value: object, without: frozenset[str]) -> object:
    if isinstance(value, Text | Link):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value) if field.name not in without]
        return {name: _plain(getattr(value, name), without) for name in names}
    if isinstance(value, tuple):
        return [_plain(each, without) for each in value]
    return value.value if isinstance(value, Enum) else value
