"""Renders `check` as a code quality report for GitLab: https://docs.gitlab.com/ci/testing/code_quality/."""

from __future__ import annotations

from bot.core.markdown import make_console_line
from bot.model.check import CheckedOccurrence, CheckReport, Violation
from bot.model.vocabulary import ViolationKind
from bot.reports._sarif import compute_fingerprint
from bot.reports.check_text import MAX_MESSAGE
from bot.reports.json_text import JsonValue, render_json

_SEVERITIES: dict[ViolationKind, str] = {
    ViolationKind.UNPINNED: "major",
    ViolationKind.GONE: "critical",
    ViolationKind.POLICY: "critical",
    ViolationKind.STALE: "minor",
}


def render_check_code_quality(report: CheckReport) -> str:
    """Return the output of `check --format codequality`, a list of findings.

    Failures of basebump are left out, because the format has no place for them.
    """
    return render_json([_render_issue(*each) for each in report.findings])


def _render_issue(checked: CheckedOccurrence, violation: Violation) -> dict[str, JsonValue]:
    occurrence = checked.verdict.occurrence
    return {
        "description": make_console_line(violation.message, MAX_MESSAGE),
        "check_name": f"basebump/{violation.code}",
        "fingerprint": compute_fingerprint(occurrence.path, occurrence.locator, violation.code),
        "severity": _SEVERITIES[violation.kind],
        "location": {"path": occurrence.path, "lines": {"begin": occurrence.line_number}},
    }
