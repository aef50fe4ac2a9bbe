"""Bounded pools: a phase fans out over one, and everybody meets at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Pool:
    """Applies a function to many items, at most `workers` at once."""

    workers: int

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Return the results in the items' order; the first exception that escapes ends the phase."""
        work = list(items)
        workers = min(self.workers, len(work))
        if workers <= 1:
            return [function(item) for item in work]
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - a scan that asks nobody needs no threads

        with ThreadPoolExecutor(workers, thread_name_prefix="basebump") as threads:
            return list(threads.map(function, work))


NETWORK = Pool(16)
"""For phases that wait for forges: GitHub answers that many without complaint."""
REGISTRIES = Pool(32)
"""For phases that wait for registries; how many ask one of them at once, and how fast, is the affair of `bot.net`."""
SCANS = Pool(2)
"""For scanners, which unpack whole images and lock one database."""
