"""What all outputs of a check say of what is no finding."""

from __future__ import annotations

from collections.abc import Iterator

from bot.model.check import CheckReport
from bot.model.vocabulary import WHOLE_FILE


def notes(report: CheckReport) -> Iterator[tuple[str, int, str]]:
    """Yield path, line and a sentence for everything that could not be looked at."""
    for place in report.places:
        where = place.verdict.occurrence
        yield from ((where.path, where.line_number, text) for text in place.notes)
    for each in report.unsupported:
        if each.reason in WHOLE_FILE:
            yield each.path, each.line_number, f"not checked: {each.reason.sentence}"
