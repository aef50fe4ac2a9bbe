"""The fixes of the fleet over time, which take too long to compute for every request."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import timedelta
from threading import Lock

from bot.core.inventory.trends import MEDIAN_PERIOD
from bot.inventory_ports import InventoryReader
from bot.model.errors import StateError
from bot.ports import Clock
from bot.reports.patch_times import PatchReport
from bot.reports.stored_answers import build_patch_report

PERIOD = timedelta(days=90)
"""The period of the trends."""
MAX_AGE = timedelta(minutes=10)
"""How old the trends can be when a request reads them. An older result is computed again meanwhile."""

_log = logging.getLogger(__name__)


class FixTrends:
    """Computes the fixes over time in a thread of its own, and keeps the last result. Several threads can use it."""

    def __init__(self, inventory: InventoryReader, clock: Clock) -> None:
        self._inventory, self._clock = inventory, clock
        self._lock = Lock()
        self._executor = ThreadPoolExecutor(1, "fix-trends")
        self._running: Future[PatchReport | None] | None = None
        self._last: PatchReport | None = None

    def load(self, longest_wait: timedelta) -> PatchReport | None:
        """Return the last result, and compute a new one in the background if it is old.

        If there is no result yet, wait for it, but not longer than `longest_wait`. Return None if it takes longer, or
        if the state cannot be read.
        """
        with self._lock:
            running = self._running
            is_old = self._last is None or self._clock.now() - self._last.now > MAX_AGE
            if is_old and (running is None or running.done()):
                running = self._running = self._executor.submit(self._compute)
            if self._last is not None or running is None:
                return self._last
        try:
            return running.result(longest_wait.total_seconds())
        except FutureTimeoutError:
            return None

    def _compute(self) -> PatchReport | None:
        now = self._clock.now()
        try:
            history = self._inventory.load_patch_history(now - PERIOD - MEDIAN_PERIOD)
            report = build_patch_report(history, self._inventory.load_coverage(), now - PERIOD, now)
        except StateError as error:
            _log.warning("cannot compute the fixes over time: %s", error)
            return None
        with self._lock:
            self._last = report
        return report
