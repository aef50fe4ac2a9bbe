"""Renders `compare` as SARIF: the findings of both images, each with its state in the new image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.core.evidence.compare import get_scanner
from bot.core.evidence.finding_keys import get_finding_key
from bot.core.markdown import get_advisory_url
from bot.model.comparison import ComparedImage, Comparison
from bot.model.evidence import Finding, Scan, Severity
from bot.reports._evidence import render_finding, render_scanner
from bot.reports._sarif import (
    SarifObject,
    SarifRule,
    render_fingerprints,
    render_location,
    render_message,
    render_run,
    render_sarif,
)
from bot.reports.comparison_text import describe_not_scanned

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
"""The lowest score that GitHub's `security-severity` has for each severity.

Scanners report severities, but no scores.
"""


def render_comparison_sarif(comparison: Comparison) -> str:
    """Return the output of `compare --format sarif`.

    The `baselineState` of a result tells whether the vulnerability is new, unchanged or absent in the new image. If the
    images could not be compared, for example because the old image was not scanned, results have no `baselineState`. If
    the new image was not scanned, the document has no list of results.
    """
    states = list(_list_finding_states(comparison))
    old, new, scanner = comparison.old, comparison.new, get_scanner(comparison.evidence)
    reasons = ((label, describe_not_scanned(image.scan)) for label, image in (("old", old), ("new", new)))
    return render_sarif(
        [
            render_run(
                _list_rules(finding for finding, _ in states),
                [_render_result(comparison, *each) for each in states] if isinstance(new.scan, Scan) else None,
                comparison.failed,
                (f"The {label} image was not scanned: {why}." for label, why in reasons if why is not None),
                properties={
                    "old": _format_pinned(old),
                    "new": _format_pinned(new),
                    "platform": comparison.platform,
                    "scanner": render_scanner(scanner),
                },
            )
        ]
    )


def _format_pinned(image: ComparedImage) -> str:
    return f"{image.reference.repository}@{image.facts.digest}"


def _list_finding_states(comparison: Comparison) -> Iterator[tuple[Finding, str | None]]:
    """Yield each finding with its state in the new image: `new`, `unchanged` or `absent`.

    New findings come first, then unchanged and absent ones. Within each state, the most severe come first.

    If the images could not be compared, yield the findings of the new image with the state None.
    """
    delta = comparison.evidence.delta
    if delta is not None:
        yield from ((finding, "new") for finding in delta.introduced)
        yield from ((finding, "unchanged") for finding in delta.remaining)
        yield from ((finding, "absent") for finding in delta.fixed)
    elif isinstance(comparison.new.scan, Scan):
        yield from ((finding, None) for finding in comparison.new.scan.findings)


def _list_rules(findings: Iterable[Finding]) -> Iterator[SarifRule]:
    """Yield one rule for each vulnerability.

    A vulnerability can be found in several packages. Its rule has the highest severity of these findings.
    """
    worst: dict[str, Finding] = {}
    for finding in findings:
        if finding.id not in worst or finding.severity > worst[finding.id].severity:
            worst[finding.id] = finding
    for identifier, finding in sorted(worst.items()):
        yield SarifRule(
            id=identifier,
            title=finding.title or identifier,
            explanation=f"{identifier} is in a package of the image. {_describe_fix(finding)}",
            level=_LEVELS[finding.severity],
            help_address=get_advisory_url(identifier),
            security_score=_SCORES.get(finding.severity),
        )


def _render_result(comparison: Comparison, finding: Finding, state: str | None) -> SarifObject:
    repository = comparison.new.reference.repository
    return {
        "ruleId": finding.id,
        "level": _LEVELS[finding.severity],
        "message": render_message(
            f"{finding.id} in {finding.package} {finding.installed}. {_describe_fix(finding)} {finding.title}"
        ),
        "locations": [render_location(repository, 1)],
        "partialFingerprints": render_fingerprints(repository, *get_finding_key(finding)),
        **({"baselineState": state} if state is not None else {}),
        "properties": render_finding(finding, comparison.evidence),
    }


def _describe_fix(finding: Finding) -> str:
    return f"{finding.package} {finding.fixed_in} fixes it." if finding.fixed_in else "No version fixes it yet."
