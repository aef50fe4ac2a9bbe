"""Renders `check` as a JSON document with `schema: 1`. Scripts depend on its keys."""

from __future__ import annotations

from bot.model.check import CheckFinding, CheckReport
from bot.model.report import SCHEMA
from bot.reports.check.check_counts import render_counts
from bot.reports.check.check_notes import list_notes
from bot.reports.parts.json_text import JsonValue, render_json
from bot.reports.run.report_document import render_failure, render_reference, render_unread_text, render_unsupported


def render_check_document(report: CheckReport) -> str:
    """Return the output of `check --format json`."""
    return render_json(
        {
            "schema": SCHEMA,
            "root": report.root,
            "offline": report.is_offline,
            "since": report.since,
            "strict": report.is_strict,
            "counts": render_counts(report.counts),
            "findings": [_render_finding(each) for each in report.findings],
            "notes": [
                {"path": path, "line": line_number, "text": text} for path, line_number, text in list_notes(report)
            ],
            "references": [render_reference(checked.verdict, None) for checked in report.references],
            "unsupported": [render_unsupported(each) for each in report.unsupported],
            "unread_texts": [render_unread_text(each) for each in report.unread_texts],
            "failed": [render_failure(each) for each in report.failed],
        }
    )


def _render_finding(finding: CheckFinding) -> dict[str, JsonValue]:
    return {
        "finding": finding.violation.kind.value,
        "reason": finding.violation.reason,
        "path": finding.path,
        "line": finding.line_number,
        "locator": finding.locator,
        "reference": finding.reference,
        "canonical": finding.canonical,
        "new_digest": finding.new_digest,
        "message": finding.violation.message,
    }
