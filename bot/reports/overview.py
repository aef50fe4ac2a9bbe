"""Renders the table at the end of a run on a terminal: one line of counts for each repository."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.core.markdown import console_line
from bot.model.report import RepositoryReport, RunReport, Verdict
from bot.model.vocabulary import UPDATABLE_STATUSES, OccurrenceStatus, ProposalOutcome

MAX_ROWS = 40
"""Rows that fill two screens; `--export html=FILE` shows more repositories."""
MIN_NAME, GAP = 12, 2
_FIRST_HEAD = "repository"
_HEADS = ("places", "pinned", "can move", "stay", "open", "would open", "waiting")
_STAYING = frozenset({OccurrenceStatus.HELD, OccurrenceStatus.REFUSED, OccurrenceStatus.SUPERSEDED, OccurrenceStatus.UNRESOLVED})
"""Statuses of references that are not updated although a user may want to act."""
_OPEN = frozenset(
    {ProposalOutcome.OPENED, ProposalOutcome.REFRESHED, ProposalOutcome.UNCHANGED, ProposalOutcome.LEFT_ALONE}
)
_WAITING = frozenset({ProposalOutcome.DEFERRED})
_WOULD_OPEN = frozenset({ProposalOutcome.WOULD_OPEN})


def overview(report: RunReport, columns: int) -> str:
    """Return the table for a terminal with `columns` columns; empty if there are no repositories."""
    if not report.repositories:
        return ""
    rows = [(console_line(tree.title), _numbers(tree)) for tree in report.repositories]
    total = tuple(sum(numbers[index] for _, numbers in rows) for index in range(len(_HEADS)))
    used = [index for index, count in enumerate(total) if count]
    heads = [_HEADS[index] for index in used]
    widths = [max(len(head), len(str(total[index]))) for head, index in zip(heads, used, strict=True)]
    for_names = max(MIN_NAME, columns - sum(width + GAP for width in widths))
    wide = max(len(_FIRST_HEAD), min(for_names, max(len(name) for name, _ in rows), columns))

    def line(name: str, cells: Sequence[str]) -> str:
        padded = (cell.rjust(width + GAP) for cell, width in zip(cells, widths, strict=True))
        return f"{console_line(name, wide).ljust(wide)}{''.join(padded)}".rstrip()

    def lines() -> Iterator[str]:
        yield line(_FIRST_HEAD, heads)
        yield "─" * (wide + sum(width + GAP for width in widths))
        for name, numbers in rows[:MAX_ROWS]:
            yield line(name, [str(numbers[index] or "·") for index in used])
        if len(rows) > MAX_ROWS:
            yield line(f"{len(rows) - MAX_ROWS} more", [""] * len(used))
        if len(rows) > 1:
            yield line("all", [str(total[index]) for index in used])

    return "\n".join(lines())


def _numbers(tree: RepositoryReport) -> tuple[int, ...]:
    def proposals(outcomes: frozenset[ProposalOutcome]) -> int:
        return sum(each.outcome in outcomes for each in tree.proposals)

    def places(statuses: frozenset[OccurrenceStatus]) -> int:
        return sum(each.status in statuses for each in tree.verdicts)

    pinned = sum(map(_is_pinned, tree.verdicts))
    counts = (places(UPDATABLE_STATUSES), places(_STAYING), proposals(_OPEN), proposals(_WOULD_OPEN), proposals(_WAITING))
    return len(tree.verdicts), pinned, *counts


def _is_pinned(verdict: Verdict) -> bool:
    return verdict.occurrence.reference.digest is not None
