"""Renders `check` as workflow commands of GitHub Actions, which shows them as annotations in a pull request.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from bot.core.markdown import make_one_line
from bot.model.check import CheckReport, Violation
from bot.model.source import Occurrence
from bot.reports._check_notes import list_notes
from bot.reports.check_text import MAX_MESSAGE, MAX_PATH, summarise_check

_IN_MESSAGES = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTIES = _IN_MESSAGES | str.maketrans({":": "%3A", ",": "%2C"})


def render_check_annotations(report: CheckReport) -> str:
    """Return the output of `check --format github`: one command per line, and a summary."""
    errors = (_render_finding(checked.verdict.occurrence, violation) for checked, violation in report.findings)
    notices = (_render_command("notice", text, "basebump", path, line) for path, line, text in list_notes(report))
    failures = (
        _render_command("error", f"{each.subject}: {each.error}", f"basebump: {each.stage}") for each in report.failed
    )
    return "\n".join([*dict.fromkeys(errors), *dict.fromkeys(notices), *failures, summarise_check(report)])


def _render_finding(occurrence: Occurrence, violation: Violation) -> str:
    title = f"basebump: {violation.code}"
    return _render_command("error", violation.message, title, occurrence.path, occurrence.line_number)


def _render_command(command: str, message: str, title: str, path: str | None = None, line_number: int = 1) -> str:
    properties = {"file": path, "line": str(line_number)} if path is not None else {}
    property_list = ",".join(
        f"{key}={_escape_property(value)}" for key, value in (properties | {"title": title}).items()
    )
    return f"::{command} {property_list}::{make_one_line(message, MAX_MESSAGE).translate(_IN_MESSAGES)}"


def _escape_property(value: str) -> str:
    return make_one_line(value, MAX_PATH).translate(_IN_PROPERTIES)
