"""Measures how much faster a folder is read with worker processes: `python bench/workers.py FOLDER`."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from processes import AS_INSTALLED

SCAN_JOBS = Path(__file__).resolve().with_name("scan_jobs.py")
PROCESSES = 2
ROUNDS = 5
"""The number of rounds. In each round, both scans run once, so that other work of the machine affects both."""


@dataclass(frozen=True)
class ScanTime:
    """The time of one scan in seconds."""

    passed: float
    own_time: float
    """The processor time of basebump's own process."""
    worker_time: float
    """The processor time of the workers, and of git, which lists the files."""

    @property
    def total_time(self) -> float:
        return self.own_time + self.worker_time

    @property
    def busiest_time(self) -> float:
        """The processor time of the busiest process."""
        return max(self.own_time, self.worker_time)


def measure_workers(folder: Path) -> None:
    """Compare scans with one process and with PROCESSES processes. Print the ratios of their fastest rounds.

    On a busy machine, the elapsed time is not meaningful. The processor time of the busiest process is about the time
    that would elapse if nothing else ran.
    """
    if len(os.sched_getaffinity(0)) < PROCESSES:
        print(f"worker processes: not measured, because there are fewer than {PROCESSES} cores")
        return
    rounds = [(scan_folder(folder, 1), scan_folder(folder, PROCESSES)) for _ in range(ROUNDS)]
    alone, together = zip(*rounds, strict=True)
    passed = min(each.passed for each in alone) / min(each.passed for each in together)
    busiest = min(each.total_time for each in alone) / min(each.busiest_time for each in together)
    total = min(each.total_time for each in together) / min(each.total_time for each in alone)
    print(f"{PROCESSES} processes, fastest of {ROUNDS} rounds each:")
    print(f"  {passed:.2f} times as fast by the clock ({', '.join(f'{a.passed / b.passed:.2f}' for a, b in rounds)})")
    print(f"  {busiest:.2f} times as fast by the processor time of the busiest process")
    print(f"  {total:.2f} times the processor time of all processes")


def scan_folder(folder: Path, processes: int) -> ScanTime:
    command = [sys.executable, str(SCAN_JOBS), str(processes), str(folder.resolve())]
    environment = {**os.environ, **AS_INSTALLED}
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
    return ScanTime(*map(float, printed.split()))


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        measure_workers(Path(argument))
