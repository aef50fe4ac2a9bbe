"""Renders `check` as text for logs: one finding a line, beginning with its position, and a summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from bot.core.markdown import console_line
from bot.model.check import CheckReport
from bot.model.vocabulary import ViolationKind
from bot.reports._check import notes
from bot.reports._failures import failure_lines

MAX_MESSAGE = 600
"""Characters of a finding: the image, a reason, and a hint."""
MAX_PATH = 1000
"""Characters of a path that are shown; each name in it has up to 255 bytes."""


def check_text(report: CheckReport) -> str:
    """Return the text output of `check`."""
    said = [
        *(
            (
                place.verdict.occurrence.path,
                place.verdict.occurrence.line_number,
                objection.kind.value,
                objection.message,
            )
            for place, objection in report.findings
        ),
        *((path, line_number, "note", text) for path, line_number, text in notes(report)),
    ]
    lines = [_counted(line, len(list(same))) for line, same in groupby(_line(*each) for each in sorted(said))]
    return "\n".join([*lines, *([""] if lines else []), summary(report), *_failed(report)])


def summary(report: CheckReport) -> str:
    """Return a sentence with the number of findings and image references."""
    faults = Counter(objection.kind for _, objection in report.findings)
    total, looked_at = faults.total(), len(report.occurrences)
    places = f"{looked_at} image reference{'' if looked_at == 1 else 's'}"
    if report.since is not None:
        places += f" on lines that changed since {console_line(report.since)}"
    if not total:
        return f"Nothing was found in {places}."
    words = ", ".join(f"{faults[fault]} {fault}" for fault in ViolationKind if faults[fault])
    return f"{total} finding{'' if total == 1 else 's'} in {places}: {words}."


def _line(path: str, line_number: int, word: str, text: str) -> str:
    return console_line(f"{console_line(path, MAX_PATH)}:{line_number}: {word}: {text}", MAX_PATH + MAX_MESSAGE)


def _counted(line: str, count: int) -> str:
    """Append the number of references; those behind a YAML anchor and its aliases have the same line."""
    return f"{line} ({count} places)" if count > 1 else line


def _failed(report: CheckReport) -> Iterator[str]:
    if report.failed:
        yield ""
        yield from failure_lines(report.failed)
