"""Extends a worker's claims on its current work, and ends the work if a claim is lost or cannot be extended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from bot.model.errors import StateError
from bot.model.work import ClaimedWork, WorkKey
from bot.serve.json_log import JsonLog
from bot.work_ports import WorkClaims

LEASE = timedelta(seconds=60)
"""How long a claim lasts without being extended. If a worker is killed, another worker does its work after this
time.
"""
EXTENSIONS_PER_LEASE = 6
"""How many times a claim is extended within its lease. A few failed attempts in a row therefore do no harm."""
CHECKS_PER_LEASE = 60
"""How many times within a lease a worker checks whether its claims were extended."""
MAX_MISSED_CHECKS = 45
"""After this number of checks without an extension, a worker ends its work, because another worker could soon claim it.

Checks are counted instead of seconds, because no checks happen while a process is suspended. When such a process
continues, it can therefore extend its claims first. This succeeds if no other worker took them over.
"""


class ClaimKeeper:
    """Keeps the claims of one worker."""

    def __init__(self, worker: str, queue: WorkClaims, abandon: Callable[[str], None], log: JsonLog) -> None:
        """Create a keeper. `abandon` is called with a reason, and must end the current work at once."""
        self._worker, self._queue, self._abandon, self._log = worker, queue, abandon, log

    @contextmanager
    def keep(self, remaining: Mapping[WorkKey, ClaimedWork]) -> Iterator[None]:
        """Extend claims until the `with` block ends.

        The caller removes work from `remaining` before it ends the claim.
        """
        is_done, watch = threading.Event(), _Watch()
        threads = [
            threading.Thread(target=self._extend, args=(remaining, is_done, watch), daemon=True),
            threading.Thread(target=self._check, args=(is_done, watch), daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            is_done.set()

    def _extend(self, remaining: Mapping[WorkKey, ClaimedWork], is_done: threading.Event, watch: _Watch) -> None:
        while not is_done.wait(LEASE.total_seconds() / EXTENSIONS_PER_LEASE):
            try:
                lost = self._queue.extend_claims(self._worker, tuple(remaining.values()), LEASE)
            except StateError as error:
                self._log.write_error(error, worker=self._worker)
                continue
            watch.missed_checks = 0
            if _is_any_unfinished(lost, remaining) and not is_done.is_set():
                self._abandon("another worker took over the work")

    def _check(self, is_done: threading.Event, watch: _Watch) -> None:
        while not is_done.wait(LEASE.total_seconds() / CHECKS_PER_LEASE):
            watch.missed_checks += 1
            if watch.missed_checks >= MAX_MISSED_CHECKS:
                self._abandon("the state could not be used for so long that another worker could take over the work")
                return


class _Watch:
    """The number of checks since the claims were last extended."""

    missed_checks = 0


def _is_any_unfinished(lost: Collection[ClaimedWork], remaining: Mapping[WorkKey, ClaimedWork]) -> bool:
    """Return True if the worker lost a claim on unfinished work.

    A claim in `lost` can also be missing because the worker itself finished its work meanwhile.
    """
    return any(each.key in remaining for each in lost)
