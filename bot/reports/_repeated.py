"""What a registry that failed did to many places: said once, where it is said what could not be done."""

from __future__ import annotations

from dataclasses import replace

from bot.model.report import RepositoryReport, RunReport, Verdict
from bot.model.vocabulary import Reason


def said_once(report: RunReport) -> RunReport:
    """Return the report as people read it: no place repeats what `failed` says of its registry.

    For a host that could not be reached there is one failure, whatever each of its places says of that.
    """
    errors = frozenset(each.error for each in report.failed)
    if not errors:
        return report
    return replace(report, repositories=tuple(_without(tree, errors) for tree in report.repositories))


def _without(tree: RepositoryReport, errors: frozenset[str]) -> RepositoryReport:
    def quiet(verdict: Verdict) -> Verdict:
        is_said = verdict.reason is Reason.UNREACHABLE or verdict.detail in errors
        return replace(verdict, detail="") if is_said else verdict

    return replace(tree, verdicts=tuple(map(quiet, tree.verdicts)))
