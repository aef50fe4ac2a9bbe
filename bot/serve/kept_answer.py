"""Keeps answers about the whole fleet, which would take too long to compute for every request."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import datetime, timedelta
from threading import Lock
from typing import Generic, TypeVar

from bot.core.inventory.trends import MEDIAN_PERIOD
from bot.inventory_ports import InventoryReader, StageReader
from bot.model.errors import StateError
from bot.ports import Clock
from bot.reports.fleet.patch_times import PatchReport
from bot.reports.fleet.stored_answers import answer_stages, build_patch_report
from bot.reports.parts.stage_section import StageReport

PERIOD = timedelta(days=90)
"""The period of the fixes over time."""
MAX_AGE = timedelta(minutes=10)
"""The age up to which an answer is up to date. If a request reads an older answer, a new one is computed in the
background.
"""

Answer = TypeVar("Answer")
_log = logging.getLogger(__name__)


class KeptAnswer(Generic[Answer]):
    """Computes an answer in a background thread, and keeps the last answer. Several threads can use the object."""

    def __init__(self, subject: str, compute: Callable[[datetime], Answer], clock: Clock) -> None:
        """Prepare the computation. `subject` names the answer in the log."""
        self._subject, self._compute_answer, self._clock = subject, compute, clock
        self._lock = Lock()
        self._executor = ThreadPoolExecutor(1, subject.replace(" ", "-"))
        self._running: Future[Answer | None] | None = None
        self._last: tuple[datetime, Answer] | None = None

    def load(self, longest_wait: timedelta) -> Answer | None:
        """Return the last answer. If this answer is old, compute a new answer in the background.

        If there is no answer yet, wait for the first one, but not longer than `longest_wait`. Return None if the
        computation takes longer, or if the state cannot be read.
        """
        with self._lock:
            running = self._running
            is_old = self._last is None or self._clock.now() - self._last[0] > MAX_AGE
            if is_old and (running is None or running.done()):
                running = self._running = self._executor.submit(self._compute)
            if self._last is not None:
                return self._last[1]
            if running is None:
                return None
        try:
            return running.result(longest_wait.total_seconds())
        except FutureTimeoutError:
            return None

    def _compute(self) -> Answer | None:
        now = self._clock.now()
        try:
            answer = self._compute_answer(now)
        except StateError as error:
            _log.warning("cannot compute the %s: %s", self._subject, error)
            return None
        with self._lock:
            self._last = (now, answer)
        return answer


def keep_fix_trends(
    inventory: InventoryReader, clock: Clock, stages: StageReader | None = None
) -> KeptAnswer[PatchReport]:
    """Return the fixes of the fleet over time. `stages` is None if the config has neither clusters nor builds."""

    def compute(now: datetime) -> PatchReport:
        history = inventory.load_patch_history(now - PERIOD - MEDIAN_PERIOD)
        facts = stages.load_fleet_facts() if stages is not None else None
        return build_patch_report(history, inventory.load_coverage(), now - PERIOD, now, facts)

    return KeptAnswer("fixes over time", compute, clock)


def keep_stages(reader: StageReader, clock: Clock) -> KeptAnswer[StageReport]:
    """Return how far the updates of the fleet got."""
    return KeptAnswer("stages of updates", lambda now: answer_stages(reader.load_fleet_facts(), now), clock)
