"""What findings are made of, whoever reports them: words for severities, lines of text, and what does not count."""

from __future__ import annotations

from collections.abc import Iterable

from bot.core.evidence.canonical import key
from bot.model.evidence import Finding, SetAside, Severity

MAX_TITLE = 200
"""Characters; a title is one line in a table."""
MAX_WORD = 128
"""Characters of a version, or of a name that a report gives to what made it; as long as a tag may be."""

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
"""The words of scanners, and those that they take over from distributions."""


def severity_of(word: str) -> Severity:
    """Return the severity that a word names; what nobody knows is unknown."""
    return _SEVERITIES.get(word.lower(), Severity.UNKNOWN)


def line(text: str, limit: int = MAX_TITLE) -> str:
    """Return a text as one line of at most `limit` characters."""
    return " ".join(text.split())[:limit]


def not_counted(set_aside: Iterable[SetAside], findings: Iterable[Finding]) -> tuple[SetAside, ...]:
    """Return each of `set_aside` once, without what counts all the same, in another package of its source."""
    counted = {key(finding) for finding in findings}
    once = {key(each.finding): each for each in set_aside}
    return tuple(once[each] for each in sorted(once.keys() - counted))
