"""Renders `compare` as SARIF: the findings of both images, each with its state in the new image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.core.evidence.compare import get_scanner
from bot.core.evidence.finding_keys import get_finding_key
from bot.core.markdown import get_advisory_url
from bot.model.advisory import AdvisoryList
from bot.model.comparison import ComparedImage, Comparison
from bot.model.evidence import Finding, Scan, Severity, Urgency
from bot.reports.compare.comparison_text import describe_not_scanned
from bot.reports.parts.evidence_document import render_finding, render_scanner
from bot.reports.parts.sarif import (
    LEVELS,
    SCORES,
    SarifObject,
    SarifRule,
    get_level,
    render_fingerprints,
    render_location,
    render_run,
    render_sarif,
    render_sentences,
)


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
                _list_rules(comparison, (finding for finding, _ in states)),
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
    return f"{image.image.repository}@{image.facts.digest}"


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


def _list_rules(comparison: Comparison, findings: Iterable[Finding]) -> Iterator[SarifRule]:
    """Yield one rule for each vulnerability.

    A vulnerability can be found in several packages. Its rule has the highest level and severity of these findings.
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
            level=_get_finding_level(comparison, finding),
            help_address=get_advisory_url(identifier),
            security_score=SCORES.get(_get_urgency(comparison, finding)),
        )


def _render_result(comparison: Comparison, finding: Finding, state: str | None) -> SarifObject:
    repository = comparison.new.image.repository
    return {
        "ruleId": finding.id,
        "level": _get_finding_level(comparison, finding),
        "message": render_sentences(_describe_finding(comparison, finding), _describe_fix(finding), finding.title),
        "locations": [render_location(repository, 1)],
        "partialFingerprints": render_fingerprints(repository, *get_finding_key(finding)),
        **({"baselineState": state} if state is not None else {}),
        "properties": render_finding(finding, comparison.evidence),
    }


def _get_urgency(comparison: Comparison, finding: Finding) -> Urgency:
    is_exploited = finding.id in (comparison.evidence.exploited_ids or ())
    return AdvisoryList.KEV if is_exploited else finding.severity


def _get_finding_level(comparison: Comparison, finding: Finding) -> str:
    """Return the level of a finding. A vulnerability that no version fixes is no error, unless it is exploited."""
    urgency = _get_urgency(comparison, finding)
    level = get_level(urgency)
    is_fixable = finding.fixed_in is not None or urgency is AdvisoryList.KEV
    return level if is_fixable else min(level, "warning", key=LEVELS.index)


def _describe_finding(comparison: Comparison, finding: Finding) -> str:
    severity = finding.severity.word if finding.severity is not Severity.UNKNOWN else "unknown severity"
    exploited = ", known to be exploited" if _get_urgency(comparison, finding) is AdvisoryList.KEV else ""
    return f"{finding.id} ({severity}{exploited}) is in {finding.package} {finding.installed}"


def _describe_fix(finding: Finding) -> str:
    return f"It is fixed in {finding.package} {finding.fixed_in}." if finding.fixed_in else "No version fixes it yet."
