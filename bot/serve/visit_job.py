"""Visits repositories: reads them, and opens or updates their proposals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta

from bot.model.report import RepositoryReport, RunFailure, RunReport
from bot.model.run_scope import RunScope
from bot.model.vocabulary import ProposalOutcome, ReferenceStatus, RunLevel
from bot.model.work import ClaimedWork, VisitWork
from bot.pipeline.failures import STATE_SUBJECT
from bot.pipeline.run import run_fleets
from bot.pipeline.survey.branch_list import UNSELECTED
from bot.serve.job import Done, Failed, JobResult
from bot.wiring import FleetRun

RunBuilder = Callable[[RunLevel, RunScope], FleetRun]
"""Returns the services for a run at a level over a part of the repositories.

Raises UsageError if the config cannot be used, and StateError if the state cannot be used.
"""


class VisitJob:
    """Visits the repositories of several pieces of work in one run, which looks up each tag once."""

    def __init__(self, build_run: RunBuilder, level: RunLevel, deferral: timedelta) -> None:
        """Create a job. `deferral` is the time after which deferred proposals are tried again."""
        self._build_run, self._level, self._deferral = build_run, level, deferral

    def __call__(self, claimed: Sequence[ClaimedWork]) -> Iterator[JobResult]:
        """Yield the result of each visit. Raises BasebumpError if the run could not begin."""
        run = self._build_run(self._level, RunScope(names=frozenset(map(_get_name, claimed))))
        report = run_fleets(run.fleets, run.context, run.options)
        for each in claimed:
            yield self._build_result(each, report)

    def _build_result(self, claimed: ClaimedWork, report: RunReport) -> JobResult:
        name = _get_name(claimed)
        repository_reports = [each for each in report.repositories if name in (each.name, each.configured_name)]
        errors = list(_list_errors(name, repository_reports, report.failed))
        if errors and not all(error == UNSELECTED for error in errors):
            return Failed(claimed, errors[0])
        if errors:
            return Done(claimed, UNSELECTED)
        outcomes = Counter(proposal.outcome for each in repository_reports for proposal in each.proposals)
        repeat_after = self._deferral if outcomes[ProposalOutcome.DEFERRED] else None
        opened = outcomes[ProposalOutcome.OPENED]
        return Done(claimed, _describe(repository_reports, outcomes), opened, repeat_after=repeat_after)


def _get_name(claimed: ClaimedWork) -> str:
    if not isinstance(claimed.key, VisitWork):
        raise TypeError(type(claimed.key).__name__)
    return claimed.key.repository


def _list_errors(
    name: str, repository_reports: Iterable[RepositoryReport], failures: Iterable[RunFailure]
) -> Iterator[str]:
    """Yield the failures of a repository itself, of the registries that it uses, and of the state.

    The subject of a failure about a single base branch ends with its name in brackets.
    """
    hosts = {
        verdict.reference.image.host
        for each in repository_reports
        for verdict in each.verdicts
        if verdict.status is ReferenceStatus.UNRESOLVED
    }
    for each in failures:
        if each.subject in hosts or each.subject == STATE_SUBJECT or each.subject.partition(" (")[0] == name:
            yield each.error


def _describe(repository_reports: Sequence[RepositoryReport], outcomes: Counter[ProposalOutcome]) -> str:
    if notes := [each.note for each in repository_reports if each.note]:
        return notes[0]
    counts = ", ".join(f"{count} {outcome.value}" for outcome, count in sorted(outcomes.items()) if count)
    return counts or "nothing to propose"
