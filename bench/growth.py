"""Measure how the cost of reading a file grows with its size: `python bench/growth.py [WORD …]`.

For each reader, generators build hostile files that repeat, nest or alternate the constructs of the format. The files
are read at sizes that double up to the largest size that basebump reads. If a limit of the reader makes the largest
sizes cheap, the sizes just below the limit are measured, too. The table states the largest ratio of the cost at one
size to the cost at half of this size, for time and for memory, and the largest costs at any size. A ratio above
LARGEST_RATIO, or a cost above LARGEST_SECONDS or LARGEST_MEBIBYTES, is marked with `!`. Times depend on the machine.

If words are given, only generators whose name contains one of the words are measured.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent)]

from growth_cases import list_cases  # noqa: E402 - the folders are put on the path above
from growth_generators import GrowthCase  # noqa: E402

from bot.formats import load_formats_with_globs  # noqa: E402
from bot.model.errors import TreeError  # noqa: E402
from bot.model.forge import GitRepository, TreeEntry  # noqa: E402
from bot.model.source import FilePath  # noqa: E402
from bot.pipeline.references.extract import extract_references  # noqa: E402
from bot.pipeline.references.file_reading import MAX_FILE_BYTES  # noqa: E402

LARGEST_RATIO = 2.3
LARGEST_SECONDS = 10.0
LARGEST_MEBIBYTES = 400.0

SMALLEST_BYTES = MAX_FILE_BYTES // 64
LEAST_SECONDS = 0.5
"""Ratios of shorter times depend more on other work of the machine than on the reader."""
LEAST_MEBIBYTES = 64.0
"""Ratios of smaller amounts depend more on the allocator than on the reader."""
RETRIES = 3
"""How many times a case with a large ratio is measured again, because other work could have slowed a measurement
down.
"""
STOP_SECONDS = 60
"""A reader is stopped after this number of seconds."""
STOP_BYTES = 6 * 1024**3

LIMIT = "limit-of-repository"
"""Shown if the files exceed a limit for the whole repository, so that basebump does not update the repository."""

HERE = GitRepository("", "", None, None)
FORMATS_BY_GLOB = {"text": ("**/*.txt",)}


@dataclass(frozen=True)
class GrowthTree:
    """A tree of files in memory."""

    files: dict[str, bytes]
    is_complete: bool = True
    is_on_disk: bool = False
    unlisted_folders: Sequence[tuple[FilePath, TreeError]] = ()
    links: Mapping[FilePath, str] = field(default_factory=dict)
    history: None = None

    def list_entries(self) -> list[TreeEntry]:
        return [TreeEntry(FilePath(path), len(content)) for path, content in self.files.items()]

    def read(self, entries: Sequence[TreeEntry]) -> Iterator[bytes | TreeError]:
        return (self.files[entry.path] for entry in entries)


@dataclass(frozen=True)
class ReadingCost:
    """The cost of extracting the references of one tree."""

    seconds: float
    """The processor time of the extraction."""
    mebibytes: float
    """The largest amount of memory of the process."""
    added_mebibytes: float
    """The memory that the extraction needed in addition to the process with the file."""
    references: int
    unsupported: tuple[str, ...]
    """The reasons for files and texts that were not read, without duplicates."""


def measure_case(case: GrowthCase, size: int) -> ReadingCost | None:
    """Measure the extraction from a file of about `size` bytes in a separate process.

    Return None if the process was stopped because it used too much time or memory.
    """
    reading_end, writing_end = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading_end)
        try:
            _write_cost(case, size, writing_end)
        except BaseException:  # noqa: BLE001 - the child must end here, whatever failed
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writing_end)
    with os.fdopen(reading_end, "rb") as pipe:
        written = pipe.read()
    os.waitpid(child, 0)
    return ReadingCost(**json.loads(written)) if written else None


def _write_cost(case: GrowthCase, size: int, pipe: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (STOP_SECONDS, STOP_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (STOP_BYTES, STOP_BYTES))
    gc.disable()  # the garbage collector runs at certain numbers of objects, and these steps would look like growth
    formats = load_formats_with_globs(FORMATS_BY_GLOB)
    for content in ({"Dockerfile": b"FROM a"}, {"a.yaml": b"image: a"}):  # import the readers before the measurement
        extract_references(HERE, GrowthTree(content), formats)
    tree = GrowthTree(case.make_files(size))
    before = resource.getrusage(resource.RUSAGE_SELF)
    found, not_read = 0, [LIMIT]
    try:
        extracted = extract_references(HERE, tree, formats)
        found, not_read = len(extracted.extracted), sorted({each.reason.value for each in extracted.unsupported})
    except MemoryError:
        return
    except TreeError:
        pass
    after = resource.getrusage(resource.RUSAGE_SELF)
    cost = {
        "seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "mebibytes": after.ru_maxrss / 1024,
        "added_mebibytes": (after.ru_maxrss - before.ru_maxrss) / 1024,
        "references": found,
        "unsupported": not_read,
    }
    os.write(pipe, json.dumps(cost).encode())


def measure_growth(case: GrowthCase) -> str:
    """Measure a case at all sizes, and return its row of the table."""
    costs: dict[int, ReadingCost] = {}
    size = SMALLEST_BYTES
    while size <= MAX_FILE_BYTES:
        cost = measure_case(case, size)
        if cost is None:
            return f"{case.name:46} ! stopped at {size / 1024**2:.2f} MiB"
        costs[size] = cost
        size *= 2
    for size in _list_sizes_below_limit(costs):
        costs[size] = measure_case(case, size) or costs[MAX_FILE_BYTES]
    fastest = {size: cost.seconds for size, cost in costs.items()}
    for _ in range(RETRIES):
        times = _find_largest_ratio(fastest, LEAST_SECONDS)
        if times <= LARGEST_RATIO:
            break
        for size, seconds in fastest.items():
            again = measure_case(case, size)
            fastest[size] = min(seconds, again.seconds) if again is not None else seconds
    times = _find_largest_ratio(fastest, LEAST_SECONDS)
    memory = _find_largest_ratio({size: cost.added_mebibytes for size, cost in costs.items()}, LEAST_MEBIBYTES)
    slowest, largest = (max(getattr(each, name) for each in costs.values()) for name in ("seconds", "mebibytes"))
    last = costs[MAX_FILE_BYTES]
    is_bad = max(times, memory) > LARGEST_RATIO or slowest > LARGEST_SECONDS or largest > LARGEST_MEBIBYTES
    return (
        f"{case.name:46} {'!' if is_bad else ' '} {_format_ratio(times)}  {_format_ratio(memory)} {slowest:6.2f} s"
        f" {largest:5.0f} MiB  {last.references:6}  {' '.join(last.unsupported)}"
    )


def _list_sizes_below_limit(costs: Mapping[int, ReadingCost]) -> list[int]:
    """Return the sizes between the most expensive size and the next larger size, if the next larger size is cheaper.

    Return an empty list if no limit of the reader was exceeded.
    """
    expensive = max(costs, key=lambda size: costs[size].added_mebibytes)
    return [expensive * eighths // 8 for eighths in (10, 12, 14)] if expensive < MAX_FILE_BYTES else []


def _find_largest_ratio(costs: Mapping[int, float], least: float) -> float:
    """Return the largest ratio of the cost at a size to the cost at half of the size.

    Costs below `least` are too small to compare. Return 0 if there is nothing to compare.
    """
    return max(
        (
            cost / max(costs[size // 2], least / 4)
            for size, cost in costs.items()
            if size // 2 in costs and cost > least
        ),
        default=0,
    )


def _format_ratio(ratio: float) -> str:
    return f"{ratio:5.2f}" if ratio else "    -"


def print_growth(words: Sequence[str]) -> None:
    print(f"{'':48} ratio of cost at 2n to cost at n, largest cost")
    print(f"{'reader: generator':48}  time memory     time    memory  found   not read")
    for case in list_cases():
        if not words or any(word in case.name for word in words):
            print(measure_growth(case), flush=True)


if __name__ == "__main__":
    print_growth(sys.argv[1:])
