"""Normalises parts of findings that all report readers share: severities, one-line texts and suppressed findings."""

from __future__ import annotations

from collections.abc import Iterable

from bot.core.evidence.canonical import key
from bot.model.evidence import Finding, Severity, SuppressedFinding

MAX_TITLE = 200
"""Characters; a title is one line of a table."""
MAX_WORD = 128
"""Characters of a version or of a tool's name in a report; a tag may be just as long."""

_SEVERITIES = {
    "critical": Severity.CRITICAL,
    "high": Severity.HIGH,
    "important": Severity.HIGH,
    "medium": Severity.MEDIUM,
    "moderate": Severity.MEDIUM,
    "low": Severity.LOW,
    "negligible": Severity.LOW,
    "unimportant": Severity.LOW,
}
"""Severity terms of scanners, and those that scanners take over from distributions."""


def severity_of(word: str) -> Severity:
    """Return the severity for a term of a scanner; UNKNOWN if the term is not in the table."""
    return _SEVERITIES.get(word.lower(), Severity.UNKNOWN)


def line(text: str, limit: int = MAX_TITLE) -> str:
    """Return a text as one line of at most `limit` characters."""
    return " ".join(text.split())[:limit]


def not_counted(set_aside: Iterable[SuppressedFinding], findings: Iterable[Finding]) -> tuple[SuppressedFinding, ...]:
    """Return each suppressed finding once, without those that also count.

    A finding counts although it is suppressed if another package of the same source has it, too.
    """
    counted = {key(finding) for finding in findings}
    once = {key(each.finding): each for each in set_aside}
    return tuple(once[each] for each in sorted(once.keys() - counted))
