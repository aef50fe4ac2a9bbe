"""Endings: a place that holds all that its line will ever offer is not up to date when that line is over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

from bot.core.globs import matches
from bot.model.decision import Superseded, UpToDate
from bot.model.history import LineEnd
from bot.model.reference import Digest, Line
from bot.model.vocabulary import Reason

if TYPE_CHECKING:  # signatures name these, and nothing here makes one: a start pays only for what it uses
    from bot.core.choice.tags import Ending
    from bot.model.rules import EndOfLife


def with_ending(
    decision: UpToDate, known: Iterable[EndOfLife], found: LineEnd | None, today: date
) -> UpToDate | Superseded:
    """Return the decision, or that its line is over: by the operator's word, else as a look `found`."""
    over = end_by_operator(decision.selected.line, known, today)
    if over is not None:
        return Superseded(decision.selected, Reason.END_OF_LIFE, told_end(over), over.successor)
    if found is None:
        return decision
    return Superseded(decision.selected, found.reason, found.detail, found.successor)


def end_of(digest: Digest, ending: Ending | None, announced: date | None, today: date) -> LineEnd | None:
    """Return that a line which points to `digest` is over; None where nothing shows it.

    By what its publisher `announced`, else by the `ending` that the tags beside it show.
    """
    if announced is not None and announced < today:
        successor = ending.successor if ending is not None else None
        return LineEnd(digest, Reason.END_OF_LIFE, f"its publisher ended it on {announced}", successor)
    if ending is None:
        return None
    return LineEnd(digest, ending.reason, f"`{ending.successor}` comes after it", ending.successor)


def told_end(over: EndOfLife) -> str:
    """Return how a line that is over by the operator's word is spoken of."""
    instead = f"; `{over.successor}` comes after it" if over.successor else ""
    return f"it is over since {over.date}{instead}"


def end_by_operator(line: Line, known: Iterable[EndOfLife], today: date) -> EndOfLife | None:
    """Return the operator's word on the end of a line: the first entry about it, where its day has come."""
    for each in known:
        if matches(each.image, line.repository) and matches(each.tag, line.tag):
            return each if each.date < today else None
    return None
