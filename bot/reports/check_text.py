"""Renders `check` as text for logs: a line for each finding, which begins with its position, and a summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from bot.core.markdown import make_console_line
from bot.model.check import CheckReport
from bot.model.vocabulary import ViolationKind
from bot.reports._check_notes import list_notes
from bot.reports._failures import render_failures

MAX_MESSAGE = 600
"""The maximum number of characters of a finding: the image, a reason, and a hint."""
MAX_PATH = 1000
"""The maximum number of characters of a path that are shown. Each name in a path has up to 255 bytes."""


def render_check_text(report: CheckReport) -> str:
    """Return the text output of `check`."""
    entries = [
        *(
            (
                checked.verdict.occurrence.path,
                checked.verdict.occurrence.line_number,
                violation.kind.value,
                violation.message,
            )
            for checked, violation in report.findings
        ),
        *((path, line_number, "note", text) for path, line_number, text in list_notes(report)),
    ]
    lines = [
        _append_count(line, len(list(same))) for line, same in groupby(_format_line(*each) for each in sorted(entries))
    ]
    return "\n".join([*lines, *([""] if lines else []), summarise_check(report), *_render_failures(report)])


def summarise_check(report: CheckReport) -> str:
    """Return a sentence with the number of findings and image references."""
    violation_counts = Counter(violation.kind for _, violation in report.findings)
    total, checked_count = violation_counts.total(), len(report.occurrences)
    subject = f"{checked_count} image reference{'' if checked_count == 1 else 's'}"
    if report.since is not None:
        subject += f" on lines that changed since {make_console_line(report.since)}"
    if not total:
        return f"Nothing was found in {subject}."
    counts = ", ".join(f"{violation_counts[kind]} {kind}" for kind in ViolationKind if violation_counts[kind])
    return f"{total} finding{'' if total == 1 else 's'} in {subject}: {counts}."


def _format_line(path: str, line_number: int, word: str, text: str) -> str:
    return make_console_line(
        f"{make_console_line(path, MAX_PATH)}:{line_number}: {word}: {text}", MAX_PATH + MAX_MESSAGE
    )


def _append_count(line: str, count: int) -> str:
    """Append `(N places)` to an output line if it stands for several image references. `count` is their number.

    A YAML anchor and its aliases are several references with the same output line.
    """
    return f"{line} ({count} places)" if count > 1 else line


def _render_failures(report: CheckReport) -> Iterator[str]:
    if report.failed:
        yield ""
        yield from render_failures(report.failed)
