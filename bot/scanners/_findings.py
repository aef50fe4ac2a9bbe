"""Normalizes parts of findings that all report readers share: severities, one-line texts and suppressed findings."""

from __future__ import annotations

from collections.abc import Iterable

from bot.core.evidence.finding_keys import get_finding_key
from bot.model.evidence import Finding, Severity, SuppressedFinding

MAX_TITLE_LENGTH = 200
"""Characters. A title is one line of a table."""
MAX_NAME_LENGTH = 128
"""Characters of a version or of a tool's name in a report. A tag may be just as long."""

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
"""The severity terms of scanners, including terms that scanners take from distributions."""


def parse_severity(term: str) -> Severity:
    """Return the severity that a scanner's term means, such as `important`. Return UNKNOWN if the term is not known."""
    return _SEVERITIES.get(term.lower(), Severity.UNKNOWN)


def shorten_to_line(text: str, limit: int = MAX_TITLE_LENGTH) -> str:
    """Return `text` as one line of at most `limit` characters."""
    return " ".join(text.split())[:limit]


def deduplicate_suppressed(
    suppressed: Iterable[SuppressedFinding], findings: Iterable[Finding]
) -> tuple[SuppressedFinding, ...]:
    """Return `suppressed` without duplicates, and without findings that `findings` contains, too.

    A finding names the source package, from which several binary packages can be built. A scanner may suppress a
    vulnerability in one of these binary packages and report the same vulnerability in another. The reported finding
    counts, so it is removed from the suppressed findings.
    """
    counted_keys = {get_finding_key(finding) for finding in findings}
    suppressed_by_key = {get_finding_key(each.finding): each for each in suppressed}
    return tuple(suppressed_by_key[each] for each in sorted(suppressed_by_key.keys() - counted_keys))
