"""Renders the failures of a run in text reports.

One failure can affect many image references: if a registry is unreachable, all references to its images have the same
error. Text reports show the error once, in the list of failures, and not at every reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.core.markdown import make_console_line
from bot.model.errors import HINT_SEPARATOR
from bot.model.report import RepositoryReport, RunFailure, RunReport, Verdict
from bot.model.vocabulary import Reason

HEADING = "basebump could not do its work here:"
MAX_ERROR_LENGTH = 400
"""The maximum number of characters of an error message, including its hint."""


def render_failures(failures: Sequence[RunFailure]) -> Iterator[str]:
    """Yield a heading and a line for each failure. Yield nothing if there are no failures."""
    if failures:
        yield HEADING
        for each in failures:
            error, *hints = make_console_line(each.error, MAX_ERROR_LENGTH).split(HINT_SEPARATOR)
            yield f"  {make_console_line(each.subject)} ({each.stage}): {error}"
            yield from (f"    hint: {hint}" for hint in hints)


def drop_repeated_errors(report: RunReport) -> RunReport:
    """Return a copy of the report in which image references do not repeat errors from the list of failures.

    An error is removed if a failure in the list has the same text. If the registry of a reference is unreachable, the
    error is always removed, because the list already has a failure for this registry.
    """
    errors = frozenset(each.error for each in report.failed)
    if not errors:
        return report
    return replace(report, repositories=tuple(_drop_repeated_details(tree, errors) for tree in report.repositories))


def _drop_repeated_details(tree: RepositoryReport, errors: frozenset[str]) -> RepositoryReport:
    def drop_detail(verdict: Verdict) -> Verdict:
        is_repeated = verdict.reason is Reason.UNREACHABLE or verdict.detail in errors
        return replace(verdict, detail="") if is_repeated else verdict

    return replace(tree, verdicts=tuple(map(drop_detail, tree.verdicts)))
