"""Renders the failures of a run as plain text, one line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.core.markdown import make_console_line
from bot.model.report import RunFailure

HEADING = "basebump could not do its work here:"
MAX_ERROR_LENGTH = 400
"""Characters of an error message, including the hint."""


def render_failures(failures: Sequence[RunFailure]) -> Iterator[str]:
    """Yield a heading and a line for each failure; nothing if there are none."""
    if failures:
        yield HEADING
        yield from (
            f"  {make_console_line(each.subject)} ({each.stage}): {make_console_line(each.error, MAX_ERROR_LENGTH)}"
            for each in failures
        )
