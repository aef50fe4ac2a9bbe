"""Renders `check` as a code quality report for GitLab: https://docs.gitlab.com/ci/testing/code_quality/."""

from __future__ import annotations

from collections.abc import Iterator

from bot.core.markdown import make_console_line
from bot.model.check import CheckFinding, CheckReport
from bot.model.vocabulary import ViolationKind
from bot.reports.check.check_counts import describe_counts
from bot.reports.check.check_notes import list_unevaluated
from bot.reports.check.check_text import MAX_MESSAGE
from bot.reports.parts.json_text import JsonValue, render_json
from bot.reports.parts.sarif import compute_result_id

_SEVERITIES: dict[ViolationKind, str] = {
    ViolationKind.UNPINNED: "major",
    ViolationKind.GONE: "critical",
    ViolationKind.BLOCKED: "blocker",
    ViolationKind.POLICY: "critical",
    ViolationKind.STALE: "minor",
    ViolationKind.EXPOSED: "critical",
    ViolationKind.NOT_EVALUATED: "minor",
}


def render_check_code_quality(report: CheckReport) -> str:
    """Return the output of `check --format codequality`, a list of findings.

    If something was not evaluated, the last entry contains the counts, and has the severity `info`. The entry's
    fingerprint does not depend on the counts, so merge requests show the entry only if it is new. Failures of basebump
    are left out, because the format cannot contain failures.
    """
    return render_json([*map(_render_issue, report.findings), *_render_counts(report)])


def _render_issue(finding: CheckFinding) -> dict[str, JsonValue]:
    violation = finding.violation
    return {
        "description": make_console_line(violation.message, MAX_MESSAGE),
        "check_name": f"basebump/{violation.code}",
        "fingerprint": compute_result_id(*finding.identity),
        "severity": _SEVERITIES[violation.kind],
        "location": {"path": finding.path, "lines": {"begin": finding.line_number}},
    }


def _render_counts(report: CheckReport) -> Iterator[dict[str, JsonValue]]:
    """Yield an entry with the counts at the first position that was not evaluated, if there is such a position."""
    for group in list_unevaluated(report)[:1]:
        path, line_number, _ = group.positions[0]
        yield {
            "description": f"Not everything was evaluated. {describe_counts(report)}",
            "check_name": "basebump/counts",
            "fingerprint": compute_result_id("counts"),
            "severity": "info",
            "location": {"path": path, "lines": {"begin": line_number}},
        }
