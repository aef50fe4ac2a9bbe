"""Renders the table that ends the output of a run on a terminal: one line of counts for each repository."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.core.markdown import make_console_line
from bot.model.report import RepositoryReport, RunReport, Verdict
from bot.model.vocabulary import ProposalOutcome, ReferenceStatus
from bot.reports.parts.styled_lines import Line, Style, StyledLine

MAX_ROWS = 40
"""The maximum number of rows, which fill two screens; `--export html=FILE` shows more repositories."""
MIN_NAME, GAP = 12, 2
MAX_WANTED_NAME = 30
"""The width of names down to which columns are left out before names are shortened."""
_NAME_HEADING = "repository"
_HEADINGS = ("references", "updatable", "current", "not updated", "skipped", "pinned", "open", "would open", "waiting")
"""The columns. References count as not updated if a user might want to act on them.

The numbers of the second to the fifth column add up to the number in the first one.
"""
_DROP_ORDER = ("pinned", "skipped", "current", "waiting", "not updated", "references", "updatable")
"""The columns that are left out on a narrow terminal, the least important first."""


def render_overview(report: RunReport, columns: int) -> list[Line]:
    """Return the table for a terminal with `columns` characters per line; empty if there are no repositories."""
    if not report.repositories:
        return []
    rows = [(make_console_line(tree.title), _count_repository(tree)) for tree in report.repositories]
    total = tuple(sum(numbers[index] for _, numbers in rows) for index in range(len(_HEADINGS)))
    longest = max(len(name) for name, _ in rows)
    used = _choose_columns(total, columns - max(MIN_NAME, min(longest, MAX_WANTED_NAME)))
    heads = [_HEADINGS[index] for index in used]
    widths = [max(len(head), len(str(total[index]))) for head, index in zip(heads, used, strict=True)]
    available_width = max(MIN_NAME, columns - sum(width + GAP for width in widths))
    name_width = max(len(_NAME_HEADING), min(available_width, longest, columns))

    def format_line(name: str, cells: Sequence[str]) -> str:
        padded = (cell.rjust(width + GAP) for cell, width in zip(cells, widths, strict=True))
        return f"{make_console_line(name, name_width).ljust(name_width)}{''.join(padded)}".rstrip()

    def render_lines() -> Iterator[str]:
        yield format_line(_NAME_HEADING, heads)
        yield "─" * (name_width + sum(width + GAP for width in widths))
        for name, numbers in rows[:MAX_ROWS]:
            yield format_line(name, [str(numbers[index] or "·") for index in used])
        if len(rows) > MAX_ROWS:
            yield format_line(f"{len(rows) - MAX_ROWS} more", [""] * len(used))
        if len(rows) > 1:
            yield format_line("all", [str(total[index]) for index in used])

    return [StyledLine("", line, Style.EXPLANATION, is_wrapped=False) for line in render_lines()]


def _choose_columns(total: Sequence[int], room: int) -> list[int]:
    """Return the indexes of the columns to show.

    Columns without any number, and columns that do not fit, are left out.
    """
    used = [index for index, count in enumerate(total) if count]
    for heading in _DROP_ORDER:
        width = sum(max(len(_HEADINGS[index]), len(str(total[index]))) + GAP for index in used)
        if width <= room:
            break
        used = [index for index in used if _HEADINGS[index] != heading]
    return used


def _count_repository(tree: RepositoryReport) -> tuple[int, ...]:
    statuses = [each.status for each in tree.verdicts]
    outcomes = [each.outcome for each in tree.proposals]
    return (
        len(statuses),
        sum(status.is_updatable for status in statuses),
        statuses.count(ReferenceStatus.UP_TO_DATE),
        sum(status.needs_action and not status.is_updatable for status in statuses),
        sum(not status.needs_action and status is not ReferenceStatus.UP_TO_DATE for status in statuses),
        sum(map(_is_pinned, tree.verdicts)),
        sum(outcome.is_open for outcome in outcomes),
        outcomes.count(ProposalOutcome.WOULD_OPEN),
        outcomes.count(ProposalOutcome.DEFERRED),
    )


def _is_pinned(verdict: Verdict) -> bool:
    return verdict.reference.image.digest is not None
