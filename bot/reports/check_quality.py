"""Renders `check` as GitLab's code quality report: https://docs.gitlab.com/ci/testing/code_quality/."""

from __future__ import annotations

from bot.core.markdown import console_line
from bot.model.check import CheckedOccurrence, CheckReport, Violation
from bot.model.vocabulary import ViolationKind
from bot.reports._json import JsonValue, json_text
from bot.reports._sarif import known_by
from bot.reports.check_text import MAX_MESSAGE

_SEVERITIES: dict[ViolationKind, str] = {
    ViolationKind.UNPINNED: "major",
    ViolationKind.GONE: "critical",
    ViolationKind.POLICY: "critical",
    ViolationKind.STALE: "minor",
}


def check_quality(report: CheckReport) -> str:
    """Return the output of `check --format codequality`, a list of findings; the format has no place for failures."""
    return json_text([_issue(*each) for each in report.findings])


def _issue(place: CheckedOccurrence, objection: Violation) -> dict[str, JsonValue]:
    where = place.verdict.occurrence
    return {
        "description": console_line(objection.message, MAX_MESSAGE),
        "check_name": f"basebump/{objection.code}",
        "fingerprint": known_by(where.path, where.locator, objection.code),
        "severity": _SEVERITIES[objection.kind],
        "location": {"path": where.path, "lines": {"begin": where.line_number}},
    }
