"""What a registry that failed did to many places: said once, where it is said what could not be done."""

from __future__ import annotations

from dataclasses import replace

from bot.model.report import RepositoryReport, RunReport, Verdict


def said_once(report: RunReport) -> RunReport:
    """Return the report as people read it: no place repeats what `failed` says of its registry.

    The error names the first image that the registry was asked for, which beside another would be a riddle.
    """
    errors = frozenset(each.error for each in report.failed)
    if not errors:
        return report
    return replace(report, repositories=tuple(_without(tree, errors) for tree in report.repositories))


def _without(tree: RepositoryReport, errors: frozenset[str]) -> RepositoryReport:
    def quiet(verdict: Verdict) -> Verdict:
        return replace(verdict, detail="") if verdict.detail in errors else verdict

    return replace(tree, verdicts=tuple(map(quiet, tree.verdicts)))
