"""The notes in the output of `check`: facts about image references and files that could not be determined."""

from __future__ import annotations

from collections.abc import Iterator

from bot.model.check import CheckReport
from bot.model.vocabulary import WHOLE_FILE_REASONS


def list_notes(report: CheckReport) -> Iterator[tuple[str, int, str]]:
    """Yield the path, the line number and the text of every note.

    These are the notes on image references, and a note for each file that could not be read or parsed.
    """
    for checked in report.occurrences:
        occurrence = checked.verdict.occurrence
        yield from ((occurrence.path, occurrence.line_number, text) for text in checked.notes)
    for each in report.unsupported:
        if each.reason in WHOLE_FILE_REASONS:
            yield each.path, each.line_number, f"not checked: {each.reason.sentence}"
