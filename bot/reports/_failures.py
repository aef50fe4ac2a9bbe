"""What basebump could not do, as plain text says it: last, and each thing on a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.core.markdown import console_line
from bot.model.report import Failed

HEADING = "basebump could not do its work here:"
MAX_ERROR = 400
"""Characters of an error: what somebody else said, and what to do."""


def failure_lines(failed: Sequence[Failed]) -> Iterator[str]:
    """Yield a heading and a line for each failure; nothing where there is none."""
    if failed:
        yield HEADING
        yield from (
            f"  {console_line(each.subject)} ({each.stage}): {console_line(each.error, MAX_ERROR)}" for each in failed
        )
