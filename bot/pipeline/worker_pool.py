"""Thread pools of limited size, and functions that distribute the work of a phase over such a pool."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from bot import process

if TYPE_CHECKING:
    from concurrent.futures import Future

    from bot.ports import ProgressReporter

Item = TypeVar("Item")
Result = TypeVar("Result")

INTERRUPT_GRACE = 3
"""The time in seconds within which threads can end after an interrupt. Threads that take longer end with the process.
"""
MAX_INTERRUPT_GRACE = 20
"""The same time for threads that are starting child processes, which takes long on a busy machine."""


@dataclass(frozen=True, slots=True)
class WorkerPool:
    """Applies a function to many items, with at most `workers` threads."""

    workers: int

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Return the result for each item, in the order of the items. If a call fails, its exception is raised.

        After an exception or an interrupt (Ctrl-C), no further items are started. After an interrupt, child processes
        are killed, too, and threads that wait for a response can end within INTERRUPT_GRACE seconds.
        """
        work = list(items)
        workers = min(self.workers, len(work))
        if workers <= 1:
            return [function(item) for item in work]
        from concurrent.futures import ThreadPoolExecutor, wait  # noqa: PLC0415 - an offline scan does not need it

        threads = ThreadPoolExecutor(workers, thread_name_prefix="basebump")
        tasks: list[Future[Result]] = []
        try:
            tasks.extend(threads.submit(function, item) for item in work)
            results = [task.result() for task in tasks]
        except KeyboardInterrupt:
            threads.shutdown(wait=False, cancel_futures=True)
            for second in range(MAX_INTERRUPT_GRACE):  # a thread whose child was killed might start another child
                is_complete = process.end_children()
                if not wait(tasks, 1.0).not_done or (is_complete and second + 1 >= INTERRUPT_GRACE):
                    break
            raise
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
        threads.shutdown()
        return results

    def run_phase(
        self, title: str, function: Callable[[Item], Result], items: Iterable[Item], progress: ProgressReporter
    ) -> list[Result]:
        """Apply `function` to each item like `map`, and report the progress as a phase with one step for each item."""
        work = list(items)
        progress.start_phase(title, len(work))

        def apply(item: Item) -> Result:
            try:
                return function(item)
            finally:
                progress.advance()

        results = self.map(apply, work)
        progress.finish_phase()
        return results


FORGE_POOL = WorkerPool(16)
"""The pool for phases that wait for forges. GitHub accepts this number of parallel requests."""
REGISTRY_POOL = WorkerPool(32)
"""The pool for phases that wait for registries. `bot.net` limits requests and their rate per registry."""
SCAN_POOL = WorkerPool(2)
"""The pool for scanners, which unpack whole images and lock a shared database."""
