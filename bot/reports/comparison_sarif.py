"""Renders `compare` as SARIF: the findings of the new image, each with its state in relation to the old image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.core.evidence.canonical import key
from bot.core.evidence.compare import scanner_of
from bot.core.markdown import public_page
from bot.model.comparison import ComparedImage, Comparison
from bot.model.evidence import Finding, Scan, Severity
from bot.reports._evidence import finding_value, scanner_value
from bot.reports._sarif import Rule, SarifObject, fingerprint, location, message, run_value, sarif_text
from bot.reports.comparison_text import why_not

_LEVELS: dict[Severity, str] = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.UNKNOWN: "note",
}
_SCORES: dict[Severity, str] = {
    Severity.CRITICAL: "9.0",
    Severity.HIGH: "7.0",
    Severity.MEDIUM: "4.0",
    Severity.LOW: "0.1",
}
"""The lowest score of each severity in GitHub's `security-severity`; the scanners report severities, but no scores."""


def comparison_sarif(comparison: Comparison) -> str:
    """Return the output of `compare --format sarif`.

    Results are missing if the new image was not scanned, and have no state if the images could not be compared.
    """
    states = list(_states(comparison))
    old, new, scanner = comparison.old, comparison.new, scanner_of(comparison.evidence)
    reasons = ((label, why_not(image.scan)) for label, image in (("old", old), ("new", new)))
    return sarif_text(
        [
            run_value(
                _rules(finding for finding, _ in states),
                [_result(comparison, *each) for each in states] if isinstance(new.scan, Scan) else None,
                comparison.failed,
                (f"The {label} image was not scanned: {why}." for label, why in reasons if why is not None),
                properties={
                    "old": _pinned(old),
                    "new": _pinned(new),
                    "platform": comparison.platform,
                    "scanner": scanner_value(scanner),
                },
            )
        ]
    )


def _pinned(image: ComparedImage) -> str:
    return f"{image.reference.repository}@{image.facts.digest}"


def _states(comparison: Comparison) -> Iterator[tuple[Finding, str | None]]:
    """Yield each finding with its state in the new image; new findings come first, most severe first."""
    delta = comparison.evidence.delta
    if delta is not None:
        yield from ((finding, "new") for finding in delta.introduced)
        yield from ((finding, "unchanged") for finding in delta.remaining)
        yield from ((finding, "absent") for finding in delta.fixed)
    elif isinstance(comparison.new.scan, Scan):
        yield from ((finding, None) for finding in comparison.new.scan.findings)


def _rules(findings: Iterable[Finding]) -> Iterator[Rule]:
    """Yield one rule for each vulnerability, with its highest severity."""
    worst: dict[str, Finding] = {}
    for finding in findings:
        if finding.id not in worst or finding.severity > worst[finding.id].severity:
            worst[finding.id] = finding
    for identifier, finding in sorted(worst.items()):
        yield Rule(
            id=identifier,
            title=finding.title or identifier,
            explanation=f"{identifier} is in a package of the image. {_fix(finding)}",
            level=_LEVELS[finding.severity],
            page=public_page(identifier),
            score=_SCORES.get(finding.severity),
        )


def _result(comparison: Comparison, finding: Finding, state: str | None) -> SarifObject:
    repository = comparison.new.reference.repository
    return {
        "ruleId": finding.id,
        "level": _LEVELS[finding.severity],
        "message": message(f"{finding.id} in {finding.package} {finding.installed}. {_fix(finding)} {finding.title}"),
        "locations": [location(repository, 1)],
        "partialFingerprints": fingerprint(repository, *key(finding)),
        **({"baselineState": state} if state is not None else {}),
        "properties": finding_value(finding, comparison.evidence),
    }


def _fix(finding: Finding) -> str:
    return f"{finding.package} {finding.fixed_in} fixes it." if finding.fixed_in else "No version fixes it yet."
