"""Bounded pools: a phase fans out over one, and everybody meets at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from bot import process

if TYPE_CHECKING:
    from concurrent.futures import Future

Item = TypeVar("Item")
Result = TypeVar("Result")

PATIENCE = 3
"""Seconds that threads have to end after an interrupt; those that still wait for an answer end with the process."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Applies a function to many items, at most `workers` at once."""

    workers: int

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Return the results in the items' order; the first exception that escapes ends the phase.

        An interrupt ends it, too: no more items, no child processes, and little patience with what waits for an answer.
        """
        work = list(items)
        workers = min(self.workers, len(work))
        if workers <= 1:
            return [function(item) for item in work]
        from concurrent.futures import ThreadPoolExecutor, wait  # noqa: PLC0415 - a scan that asks nobody needs none

        threads = ThreadPoolExecutor(workers, thread_name_prefix="basebump")
        tasks: list[Future[Result]] = []
        try:
            tasks.extend(threads.submit(function, item) for item in work)
            results = [task.result() for task in tasks]
        except KeyboardInterrupt:
            threads.shutdown(wait=False, cancel_futures=True)
            for _ in range(PATIENCE):  # what lost one child may start the next
                process.end_children()
                if not wait(tasks, 1.0).not_done:
                    break
            raise
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
        threads.shutdown()
        return results


NETWORK = Pool(16)
"""For phases that wait for forges: GitHub answers that many without complaint."""
REGISTRIES = Pool(32)
"""For phases that wait for registries; how many ask one of them at once, and how fast, is the affair of `bot.net`."""
SCANS = Pool(2)
"""For scanners, which unpack whole images and lock one database."""
