"""Lists all repositories, and requests visits of the repositories that must be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from bot.model.inventory import VisitReason
from bot.model.run_scope import RunScope
from bot.model.vocabulary import RunLevel
from bot.model.work import ClaimedWork, VisitWork, WorkPriority, WorkReason, WorkRequest
from bot.pipeline.inventory.record_exposure import record_exposure
from bot.pipeline.sweep import sweep_fleets
from bot.serve.job import Done, Failed, JobResult, describe_repositories
from bot.serve.visit_job import RunBuilder


class SweepJob:
    """Does sweeps. They find the changes that no event and no poll reported."""

    def __init__(self, build_run: RunBuilder, interval: timedelta) -> None:
        self._build_run, self._interval = build_run, interval

    def __call__(self, claimed: Sequence[ClaimedWork]) -> Iterator[JobResult]:
        """Yield the result of each sweep. Raises BasebumpError if the config or the state cannot be used."""
        for each in claimed:
            run = self._build_run(RunLevel.REPORT, RunScope())
            result = sweep_fleets(run.fleets, run.context, run.options)
            if not result.branch_count and result.failures:
                yield Failed(each, result.failures[0].error, self._interval)
                continue
            visits = sorted({VisitWork(found.forge, found.server, found.name) for found in result.to_read})
            requests = (WorkRequest(visit, WorkPriority.SWEEP, WorkReason.SWEEP, each.trace) for visit in visits)
            reasons = ", ".join(f"{count} {_describe(reason)}" for reason, count in sorted(result.reasons.items()))
            summary = f"{describe_repositories(len(visits))} to be read, of {result.branch_count} base branches"
            errors = [failure.error for failure in result.failures[:1]]
            if (
                result.has_unread_clusters
            ):  # the result contains no details, because everyone who can open the pages reads it
                errors.append("clusters could not be read, and `basebump doctor` shows the reasons")
            yield Done(
                each,
                "; ".join(part for part in (summary, reasons, *errors) if part),
                requests=tuple(requests),
                repeat_after=self._interval,
            )
            record_exposure(run.context, RunScope())  # after the result, so that the visits begin at once


def _describe(reason: VisitReason) -> str:
    """Return a reason for visits as words for the result, such as `tag moved`."""
    return "new or unfinished" if reason is VisitReason.UNSETTLED else reason.value.replace("-", " ")
