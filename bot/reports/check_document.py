"""Renders `check` as a JSON document with `schema: 1`, whose keys scripts depend on."""

from __future__ import annotations

from bot.model.check import CheckedOccurrence, CheckReport, Violation
from bot.model.report import SCHEMA
from bot.reports._check import notes
from bot.reports._json import JsonValue, json_text
from bot.reports.json_document import failed_value, place_value, unsupported_value


def check_document(report: CheckReport) -> str:
    """Return the output of `check --format json`."""
    return json_text(
        {
            "schema": SCHEMA,
            "root": report.root,
            "offline": report.is_offline,
            "since": report.since,
            "findings": [_finding(*each) for each in report.findings],
            "notes": [{"path": path, "line": line_number, "text": text} for path, line_number, text in notes(report)],
            "occurrences": [place_value(place.verdict, None) for place in report.occurrences],
            "unsupported": [unsupported_value(each) for each in report.unsupported],
            "failed": [failed_value(each) for each in report.failed],
        }
    )


def _finding(place: CheckedOccurrence, objection: Violation) -> dict[str, JsonValue]:
    where = place.verdict.occurrence
    return {
        "finding": objection.kind.value,
        "reason": objection.violated_rule.value if objection.violated_rule is not None else None,
        "path": where.path,
        "line": where.line_number,
        "locator": where.locator,
        "reference": str(where.reference),
        "canonical": where.reference.repository,
        "new_digest": place.verdict.new_digest,
        "message": objection.message,
    }
