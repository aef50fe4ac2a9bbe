"""Normalizes parts of findings for all report readers: severities, one-line texts and suppressed findings."""

from __future__ import annotations

from collections.abc import Iterable

from bot.core.evidence.finding_keys import get_finding_key
from bot.model.evidence import Finding, Severity, SuppressedFinding

MAX_TITLE_LENGTH = 200
"""The longest title, in characters. A title is one line of a table."""
MAX_NAME_LENGTH = 128
"""The longest version or tool name in a report, in characters. A tag has the same limit."""

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
"""The words that scanners use for severities, including words that scanners take from distributions."""


def parse_severity(term: str) -> Severity:
    """Return the severity for a scanner's word, such as `important`; UNKNOWN if the word is not known."""
    return _SEVERITIES.get(term.lower(), Severity.UNKNOWN)


def shorten_to_line(text: str, limit: int = MAX_TITLE_LENGTH) -> str:
    """Return `text` as one line of at most `limit` characters."""
    return " ".join(text.split())[:limit]


def deduplicate_suppressed(
    suppressed: Iterable[SuppressedFinding], findings: Iterable[Finding]
) -> tuple[SuppressedFinding, ...]:
    """Return `suppressed` without duplicates, and without the findings that `findings` also contains.

    A finding names the source package, from which several binary packages can be built. A scanner may suppress a
    vulnerability in one of these binary packages, and report the same vulnerability in another one. Only the reported
    finding is kept.
    """
    counted_keys = {get_finding_key(finding) for finding in findings}
    suppressed_by_key = {get_finding_key(each.finding): each for each in suppressed}
    return tuple(suppressed_by_key[each] for each in sorted(suppressed_by_key.keys() - counted_keys))
