"""The notes in the output of `check`: what could not be determined about image references and files."""

from __future__ import annotations

from collections.abc import Iterator

from bot.model.check import CheckReport
from bot.model.vocabulary import WHOLE_FILE_REASONS


def list_notes(report: CheckReport) -> Iterator[tuple[str, int, str]]:
    """Yield every note with its position: the path, the line number, and the text.

    A note belongs to an image reference, or to a file that could not be read or parsed.
    """
    for checked in report.occurrences:
        occurrence = checked.verdict.occurrence
        yield from ((occurrence.path, occurrence.line_number, text) for text in checked.notes)
    for each in report.unsupported:
        if each.reason in WHOLE_FILE_REASONS:
            yield each.path, each.line_number, f"not checked: {each.reason.sentence}"
