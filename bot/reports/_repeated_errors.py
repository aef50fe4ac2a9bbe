"""Removes errors from image references if the failures of the run already report them."""

from __future__ import annotations

from dataclasses import replace

from bot.model.report import RepositoryReport, RunReport, Verdict
from bot.model.vocabulary import Reason


def drop_repeated_errors(report: RunReport) -> RunReport:
    """Return the report without details that repeat a failure of a registry.

    An unreachable host has one failure, so the details of all its image references are dropped, whatever their text.
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
