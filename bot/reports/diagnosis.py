"""Renders the output of `doctor`: one line for each check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from bot.core.markdown import make_console_line
from bot.model.diagnosis import CheckStatus, Diagnosis
from bot.model.report import SCHEMA
from bot.reports.json_text import render_json

MAX_LINE = 1000
"""The maximum number of characters of a line. Texts from servers were already shortened before."""


def render_diagnosis_text(diagnosis: Diagnosis) -> str:
    """Return the text output of `doctor`: a line with the status, subject, action and result of each check."""
    return "\n".join(_render_lines(diagnosis))


def render_diagnosis_document(diagnosis: Diagnosis) -> str:
    """Return the output of `doctor --format json`."""
    checks = [
        {
            "area": area.value,
            "subject": check.subject,
            "tried": check.action,
            "mark": check.status.value,
            "found": check.result,
        }
        for area, check in diagnosis.checks
    ]
    return render_json({"schema": SCHEMA, "level": diagnosis.level.word, "checks": checks})


def _render_lines(diagnosis: Diagnosis) -> Iterator[str]:
    previous_area = None
    for area, check in diagnosis.checks:
        if area is not previous_area:
            yield area.value
            previous_area = area
        line = make_console_line(f"{check.subject}: {check.action}: {check.result}", MAX_LINE)
        yield f"  {_format_status(check.status):<11}  {line}"
    yield ""
    yield _summarise(diagnosis)


def _format_status(status: CheckStatus) -> str:
    match status:
        case CheckStatus.OK:
            return "ok"
        case CheckStatus.PROBLEM:
            return "problem"
        case CheckStatus.UNKNOWN:
            return "cannot tell"
    assert_never(status)


def _summarise(diagnosis: Diagnosis) -> str:
    problems, unknown = diagnosis.count(CheckStatus.PROBLEM), diagnosis.count(CheckStatus.UNKNOWN)
    count = len(diagnosis.checks)
    of_these = f"{count} {'check' if count == 1 else 'checks'} for runs at the level {diagnosis.level.word}"
    more = f"; {unknown} could not be completed" if unknown else ""
    if problems:
        return f"{problems} of {of_these} found {'a problem' if problems == 1 else 'problems'}{more}."
    return f"No problem in {of_these}{more}."
