"""Claims pending work, does it, and stores the results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import assert_never

from bot.core.markdown import make_one_line
from bot.model.errors import BasebumpError, StateError
from bot.model.work import ClaimedWork, FinishedWork, WorkKind, WorkLoopScope
from bot.ports import Clock
from bot.serve import claim_keeper
from bot.serve.claim_keeper import ClaimKeeper
from bot.serve.job import NOT_YET_DELAYS, RETRY_DELAYS, Done, Failed, Job, JobResult, NotYet, find_interruption_delay
from bot.serve.json_log import JsonLog
from bot.work_ports import WorkQueue

LONGEST_WAIT = timedelta(seconds=15)
"""The longest time between two queries for pending work, in case no signal arrives."""
WAIT_AFTER_ERROR = timedelta(seconds=5)
"""The time to wait after the state could not be used."""
BATCH_SIZE = 50
"""The maximum number of pieces of work that one job gets. Visits of several repositories share lookups, scans and list
requests. A greater number would delay the first proposal, because a run reads all its repositories before it opens
proposals.
"""


class WorkLoop:
    """Does work of some kinds in one thread until it is told to stop."""

    def __init__(  # noqa: PLR0913 - all of them are passed by name
        self,
        *,
        worker: str,
        scope: WorkLoopScope,
        jobs: Mapping[WorkKind, Job],
        queue: WorkQueue,
        keeper: ClaimKeeper,
        wait: Callable[[float], None],
        clock: Clock,
        log: JsonLog,
    ) -> None:
        """Create a loop. `wait` waits for a signal that work was requested, for at most the given seconds."""
        self._worker, self._scope, self._jobs = worker, scope, jobs
        self._queue, self._keeper = queue, keeper
        self._wait, self._clock, self._log = wait, clock, log

    def run(self, stop: threading.Event) -> None:
        """Do work until `stop` is set. Running work is finished first."""
        has_old_claims = False
        while not stop.is_set():
            try:
                if has_old_claims:
                    self._queue.release_claims(self._worker)
                    has_old_claims = False
                if not self.do_next():
                    self._wait_for_work()
            except Exception as error:  # noqa: BLE001 - a bug must not end the loop, because nothing would restart it
                has_old_claims = True
                self._log.write_error(error, worker=self._worker)
                stop.wait(WAIT_AFTER_ERROR.total_seconds())

    def do_next(self) -> bool:
        """Claim work that is due, and do it.

        Return False if no work is due. Raises StateError if the state cannot be used.
        """
        claimed = self._queue.claim_work(
            self._worker, self._scope.kinds, BATCH_SIZE, claim_keeper.LEASE, self._scope.least_priority
        )
        if claimed and not self._delay_interrupted(claimed[0]):
            self._do(claimed)
        return bool(claimed)

    def _delay_interrupted(self, claimed: ClaimedWork) -> bool:
        """Log that an earlier process ended during this work.

        Return True if the work is delayed because several processes in a row ended during it.
        """
        if not claimed.was_interrupted:
            return False
        delay = find_interruption_delay(claimed.interruptions)
        if delay:
            self._queue.delay_work(self._worker, claimed, delay)
        seconds = round(delay.total_seconds())
        self._log_work("work-interrupted", claimed, interruptions=claimed.interruptions, delay=seconds)
        return bool(delay)

    def _wait_for_work(self) -> None:
        next_due = self._queue.compute_figures(self._scope.kinds, self._scope.least_priority).next_due_in
        longest = LONGEST_WAIT if next_due is None else min(next_due, LONGEST_WAIT)
        self._wait(max(longest.total_seconds(), 0.05))

    def _do(self, claimed: Sequence[ClaimedWork]) -> None:
        started = self._clock.now()
        remaining = {each.key: each for each in claimed}
        job = self._jobs[claimed[0].key.kind]
        error = "basebump ended this job without a result"
        with self._keeper.keep(remaining):
            try:
                for result in job(claimed):
                    remaining.pop(result.claimed.key, None)
                    self._store(result, started)
            except StateError:  # not a failed attempt; results cannot be stored while the state fails
                raise
            except BasebumpError as caught:
                error = str(caught)
            except Exception as caught:  # noqa: BLE001 - a bug in one job must not stop the service
                error = f"basebump has a bug: {type(caught).__name__}: {caught}"
                self._log.write_error(caught, worker=self._worker)
            while remaining:
                self._store(Failed(remaining.popitem()[1], error), started)

    def _store(self, result: JobResult, started: datetime) -> None:
        claimed, ended = result.claimed, self._clock.now()
        seconds = round((ended - started).total_seconds(), 3)
        match result:
            case Done():
                self._queue.request_work(result.requests)
                finished = FinishedWork(
                    claimed.key,
                    claimed.trace,
                    claimed.reason,
                    started,
                    ended,
                    make_one_line(result.result),
                    opened=result.opened,
                    pushed_at=claimed.pushed_at,
                )
                self._queue.finish_work(self._worker, claimed, finished, result.repeat_after)
                self._log_work("work-done", claimed, seconds=seconds, result=finished.result, opened=result.opened)
            case Failed():
                self._store_failure(result, started, ended)
                self._log_work("work-failed", claimed, seconds=seconds, error=result.error)
            case NotYet() if claimed.attempts < len(NOT_YET_DELAYS):
                note = make_one_line(result.result)
                self._queue.postpone_work(self._worker, claimed, NOT_YET_DELAYS[claimed.attempts], note)
                self._log_work("work-postponed", claimed, seconds=seconds, result=note)
            case NotYet():
                self._store(Done(claimed, result.result), started)
            case _:
                assert_never(result)

    def _store_failure(self, failed: Failed, started: datetime, ended: datetime) -> None:
        claimed, error = failed.claimed, make_one_line(failed.error)
        self._queue.request_work(failed.requests)
        if claimed.attempts < len(RETRY_DELAYS):
            delay = max(RETRY_DELAYS[claimed.attempts], failed.shortest_wait)
            self._queue.postpone_work(self._worker, claimed, delay, error)
            return
        finished = FinishedWork(claimed.key, claimed.trace, claimed.reason, started, ended, error, is_failure=True)
        self._queue.finish_work(self._worker, claimed, finished, failed.repeat_after)

    def _log_work(self, event: str, claimed: ClaimedWork, **values: str | float) -> None:
        self._log.write(
            event,
            trace=claimed.trace,
            worker=self._worker,
            kind=claimed.key.kind.value,
            subject=str(claimed.key),
            reason=claimed.reason.value,
            **values,
        )
