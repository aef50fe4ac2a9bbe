"""Renders `check` as text for logs: a line for each finding, which begins with its position, and a summary."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from bot.core.markdown import describe_rest, make_console_line
from bot.model.check import CheckReport
from bot.model.vocabulary import ViolationKind
from bot.reports.check.check_counts import describe_counts, describe_result
from bot.reports.check.check_notes import UnevaluatedGroup, list_notes, list_unevaluated
from bot.reports.parts.failure_lines import render_failures
from bot.reports.parts.styled_lines import Line, Style, StyledLine, join_blocks, join_lines
from bot.reports.parts.unread_lines import render_unread_texts

MAX_MESSAGE = 600
"""The maximum number of characters of a finding: the image, a reason, and a hint."""
MAX_PATH = 1000
"""The maximum number of characters of a path that are shown. A single file name can already have 255 bytes."""
MAX_EXAMPLES = 5
"""The maximum number of positions that are listed for one reason. A chart can have hundreds of templated lines."""

_STYLES = {
    ViolationKind.UNPINNED.value: Style.WARNING,
    ViolationKind.GONE.value: Style.BAD,
    ViolationKind.BLOCKED.value: Style.BAD,
    ViolationKind.POLICY.value: Style.BAD,
    ViolationKind.EXPOSED.value: Style.BAD,
    "note": Style.FAINT,
}
"""The styles of findings and notes, by the word in their line. All other findings are warnings."""


def render_check_text(report: CheckReport) -> str:
    """Return the text output of `check`."""
    return join_lines(render_check_lines(report))


def render_check_lines(report: CheckReport, *, is_brief: bool = False, is_verbose: bool = False) -> list[Line]:
    """Return the lines of the text output of `check`. The last line states whether everything was evaluated.

    If `is_brief` is true, only findings and failures are returned; nothing if there are none. If `is_verbose` is true,
    the texts that look like image references and are not read are listed.
    """
    entries, failures = list(_list_entries(report, has_notes=not is_brief)), list(render_failures(report.failed))
    if is_brief:
        return join_blocks(entries, failures)
    counts = describe_counts(report, lists_unread_texts=is_verbose)
    summary = [_explain("", counts), _explain("", describe_result(report))]
    unread = list(render_unread_texts(report.unread_texts)) if is_verbose else []
    return join_blocks(entries, list(_list_unevaluated(report)), unread, failures, summary)


def _list_entries(report: CheckReport, *, has_notes: bool) -> Iterator[Line]:
    entries = [
        *((each.path, each.line_number, each.violation.kind.value, each.violation.message) for each in report.findings),
        *((path, line_number, "note", text) for path, line_number, text in list_notes(report) if has_notes),
    ]
    for (line, style), same in groupby(
        (_format_line(*each), _STYLES.get(each[2], Style.WARNING)) for each in sorted(entries)
    ):
        yield StyledLine("", _append_count(line, len(list(same))), style)


def _list_unevaluated(report: CheckReport) -> Iterator[Line]:
    groups = list_unevaluated(report)
    if groups:
        yield "Not evaluated, so not checked (--strict makes each of these a finding):"
    for group in groups:
        yield from _render_group(group)


def _render_group(group: UnevaluatedGroup) -> Iterator[Line]:
    yield _explain("  ", f"{group.reason}: {group.reason.sentence}")
    if next_step := group.reason.facts.next_step:
        yield _explain("    ", f"hint: {next_step}")
    for path, line_number, text in group.positions[:MAX_EXAMPLES]:
        yield f"    {make_console_line(path, MAX_PATH)}:{line_number}: {make_console_line(text)}"
    if rest := describe_rest(len(group.positions), MAX_EXAMPLES):
        yield f"    {rest}; --format json lists all of them"


def _explain(head: str, text: str) -> Line:
    return StyledLine(head, text, Style.EXPLANATION)


def _format_line(path: str, line_number: int, word: str, text: str) -> str:
    return make_console_line(
        f"{make_console_line(path, MAX_PATH)}:{line_number}: {word}: {text}", MAX_PATH + MAX_MESSAGE
    )


def _append_count(line: str, count: int) -> str:
    """Append `(N references)` to an output line if `count`, the number of its image references, is more than 1.

    A YAML anchor and its aliases are several references with the same output line.
    """
    return f"{line} ({count} references)" if count > 1 else line
