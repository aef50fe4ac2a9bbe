"""Renders `check` as SARIF: one result for each finding, and one rule for each kind of finding."""

from __future__ import annotations

from collections.abc import Iterator

from bot.model.check import CheckFinding, CheckReport
from bot.model.vocabulary import ViolationKind
from bot.reports.check.check_counts import render_counts
from bot.reports.check.check_notes import describe_group, list_notes, list_unevaluated
from bot.reports.parts.sarif import (
    POLICY_SCORES,
    SarifObject,
    SarifRule,
    render_location,
    render_partial_fingerprints,
    render_run,
    render_sarif,
    render_sentences,
)

_LEVELS: dict[ViolationKind, str] = {
    ViolationKind.UNPINNED: "warning",
    ViolationKind.GONE: "error",
    ViolationKind.BLOCKED: "error",
    ViolationKind.POLICY: "error",
    ViolationKind.STALE: "warning",
    ViolationKind.EXPOSED: "error",
    ViolationKind.NOT_EVALUATED: "warning",
}
_SECURITY_KINDS = frozenset(
    {ViolationKind.UNPINNED, ViolationKind.BLOCKED, ViolationKind.POLICY, ViolationKind.STALE, ViolationKind.EXPOSED}
)
"""The violations that are about the security of an image. All other violations prevent a build or an evaluation."""
_HELP_PAGE = "docs/check.md#findings"
_HELP_TEXTS: dict[ViolationKind, str] = {
    ViolationKind.UNPINNED: "Pin the image by digest: its tag could point to another image tomorrow.",
    ViolationKind.GONE: "Write the new digest: the image in the file can no longer be pulled.",
    ViolationKind.BLOCKED: "Use another image: the message contains the reason for the block.",
    ViolationKind.POLICY: "Use an image that the rule allows.",
    ViolationKind.STALE: "Write the newer digest, or let basebump propose it.",
    ViolationKind.EXPOSED: "Write the digest with the fix; if there is none, build on an image that has it.",
    ViolationKind.NOT_EVALUATED: "Let basebump evaluate the reference: the message names the next step.",
}


def render_check_sarif(report: CheckReport) -> str:
    """Return the output of `check --format sarif`. The counts are a property of its run."""
    notes = (f"{path}:{line_number}: {text}" for path, line_number, text in list_notes(report))
    groups = map(describe_group, list_unevaluated(report))
    properties: SarifObject = {"counts": render_counts(report.counts)}
    results = [_render_result(each) for each in report.findings]
    return render_sarif(
        [render_run(_list_rules(report), results, report.failed, (*notes, *groups), properties=properties)]
    )


def _list_rules(report: CheckReport) -> Iterator[SarifRule]:
    violation_by_code = {finding.violation.code: finding.violation for finding in report.findings}
    for code, violation in sorted(violation_by_code.items()):
        kind, level = violation.kind, _LEVELS[violation.kind]
        yield SarifRule(
            code,
            violation.violated_rule.sentence if violation.violated_rule is not None else kind.sentence,
            _HELP_TEXTS[kind],
            level,
            help_page=_HELP_PAGE,
            security_score=POLICY_SCORES[level] if kind in _SECURITY_KINDS else None,
        )


def _render_result(finding: CheckFinding) -> SarifObject:
    violation = finding.violation
    return {
        "ruleId": violation.code,
        "level": _LEVELS[violation.kind],
        "message": render_sentences(violation.problem, _capitalise(violation.remedy)),
        "locations": [render_location(finding.path, finding.line_number)],
        "partialFingerprints": render_partial_fingerprints(*finding.identity),
        "properties": {
            "reference": finding.reference,
            "canonical": finding.canonical,
            "digest": finding.digest,
            "new_digest": finding.new_digest,
            "reason": violation.reason,
        },
    }


def _capitalise(remedy: str) -> str:
    """Return a remedy as the start of a sentence.

    A command line, which begins with `basebump`, is returned unchanged.
    """
    return remedy if remedy.startswith("basebump ") else f"{remedy[:1].upper()}{remedy[1:]}"
