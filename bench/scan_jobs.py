"""Run `basebump scan --offline` with N processes: `python bench/scan_jobs.py N FOLDER`.

The elapsed time, the processor time of basebump's own process, and that of its workers are printed in seconds.
"""

import os
import resource
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path

STARTED = time.perf_counter()

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bot.cli.app import main  # noqa: E402 - the folder is put on the path above


def measure_processor_time(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    with Path(os.devnull).open("w") as nothing, redirect_stdout(nothing):
        code = main(["scan", "--offline", "--format", "json", "--jobs", sys.argv[1], sys.argv[2]])
    passed = time.perf_counter() - STARTED
    print(passed, *map(measure_processor_time, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
    sys.exit(code)
