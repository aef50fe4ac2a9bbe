"""The notes of `check` about references and files that it could not check; all its output formats use them."""

from __future__ import annotations

from collections.abc import Iterator

from bot.model.check import CheckReport
from bot.model.vocabulary import WHOLE_FILE_REASONS


def list_notes(report: CheckReport) -> Iterator[tuple[str, int, str]]:
    """Yield the path, the line and the text of every note.

    There is also a note for each file that could not be read.
    """
    for checked in report.occurrences:
        occurrence = checked.verdict.occurrence
        yield from ((occurrence.path, occurrence.line_number, text) for text in checked.notes)
    for each in report.unsupported:
        if each.reason in WHOLE_FILE_REASONS:
            yield each.path, each.line_number, f"not checked: {each.reason.sentence}"
