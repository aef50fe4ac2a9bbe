"""Renders `check` as a JSON document with `schema: 1`. Scripts depend on its keys."""

from __future__ import annotations

from bot.model.check import CheckedOccurrence, CheckReport, Violation
from bot.model.report import SCHEMA
from bot.reports._check_notes import list_notes
from bot.reports.json_document import render_failure, render_occurrence, render_unsupported
from bot.reports.json_text import JsonValue, render_json


def render_check_document(report: CheckReport) -> str:
    """Return the output of `check --format json`."""
    return render_json(
        {
            "schema": SCHEMA,
            "root": report.root,
            "offline": report.is_offline,
            "since": report.since,
            "findings": [_render_finding(*each) for each in report.findings],
            "notes": [
                {"path": path, "line": line_number, "text": text} for path, line_number, text in list_notes(report)
            ],
            "occurrences": [render_occurrence(checked.verdict, None) for checked in report.occurrences],
            "unsupported": [render_unsupported(each) for each in report.unsupported],
            "failed": [render_failure(each) for each in report.failed],
        }
    )


def _render_finding(checked: CheckedOccurrence, violation: Violation) -> dict[str, JsonValue]:
    occurrence = checked.verdict.occurrence
    return {
        "finding": violation.kind.value,
        "reason": violation.violated_rule.value if violation.violated_rule is not None else None,
        "path": occurrence.path,
        "line": occurrence.line_number,
        "locator": occurrence.locator,
        "reference": str(occurrence.reference),
        "canonical": occurrence.reference.repository,
        "new_digest": checked.verdict.new_digest,
        "message": violation.message,
    }
