"""Renders the failures of a run as plain text, one line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.core.markdown import console_line
from bot.model.report import RunFailure

HEADING = "basebump could not do its work here:"
MAX_ERROR = 400
"""Characters of an error message, including the hint."""


def failure_lines(failed: Sequence[RunFailure]) -> Iterator[str]:
    """Yield a heading and a line for each failure; nothing if there are none."""
    if failed:
        yield HEADING
        yield from (
            f"  {console_line(each.subject)} ({each.stage}): {console_line(each.error, MAX_ERROR)}" for each in failed
        )
