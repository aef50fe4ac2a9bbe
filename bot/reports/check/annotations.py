"""Renders `check` as workflow commands. GitHub Actions shows these commands as annotations in a pull request.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from bot.core.markdown import make_one_line
from bot.model.check import CheckFinding, CheckReport
from bot.reports.check.check_counts import describe_counts, describe_result
from bot.reports.check.check_notes import UnevaluatedGroup, describe_group, list_notes, list_unevaluated
from bot.reports.check.check_text import MAX_MESSAGE, MAX_PATH

_IN_MESSAGES = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTIES = _IN_MESSAGES | str.maketrans({":": "%3A", ",": "%2C"})


def render_check_annotations(report: CheckReport) -> str:
    """Return the output of `check --format github`: one command per line, and two lines with the summary.

    All references that were not evaluated for the same reason share one notice, because GitHub shows only ten notices.
    """
    errors = map(_render_finding, report.findings)
    notices = (_render_command("notice", text, "basebump", path, line) for path, line, text in list_notes(report))
    failures = (
        _render_command("error", f"{each.subject}: {each.error}", f"basebump: {each.stage}") for each in report.failed
    )
    return "\n".join(
        [
            *dict.fromkeys(errors),
            *dict.fromkeys(notices),
            *map(_render_unevaluated, list_unevaluated(report)),
            *failures,
            describe_counts(report),
            describe_result(report),
        ]
    )


def _render_finding(finding: CheckFinding) -> str:
    title = f"basebump: {finding.violation.code}"
    return _render_command("error", finding.violation.message, title, finding.path, finding.line_number)


def _render_unevaluated(group: UnevaluatedGroup) -> str:
    path, line_number, _ = group.positions[0]
    return _render_command("notice", describe_group(group), "basebump: not evaluated", path, line_number)


def _render_command(command: str, message: str, title: str, path: str | None = None, line_number: int = 1) -> str:
    properties = {"file": path, "line": str(line_number)} if path is not None else {}
    property_list = ",".join(
        f"{key}={_escape_property(value)}" for key, value in (properties | {"title": title}).items()
    )
    return f"::{command} {property_list}::{make_one_line(message, MAX_MESSAGE).translate(_IN_MESSAGES)}"


def _escape_property(value: str) -> str:
    return make_one_line(value, MAX_PATH).translate(_IN_PROPERTIES)
