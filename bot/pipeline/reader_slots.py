"""Determine how many processes read the files of a tree."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

from bot.model.errors import TreeError
from bot.pipeline.file_reading import FileContents, SelectedFile, estimate_work, read_selected_files
from bot.ports import FileTree

PROCESS_WORK = 8 * 1024 * 1024
"""The minimum work of each process that reads a tree, as `estimate_work` returns it. A worker needs 0.1 seconds of
processor time to start, and saves about 0.3 seconds if it reads this many bytes."""


class ReaderSlots:
    """The worker processes that basebump may still start for reading files. Threads share the object."""

    def __init__(self, processes: int) -> None:
        """Create the slots. `processes` is the maximum number of processes, of which one is basebump's own."""
        self._free_workers = processes - 1
        self._lock = threading.Lock()

    @contextmanager
    def take(self, wanted: int) -> Iterator[int]:
        """Reserve at most `wanted` workers during the `with` block, and yield their number, which can be 0."""
        with self._lock:
            workers = max(0, min(wanted, self._free_workers))
            self._free_workers -= workers
        try:
            yield workers
        finally:
            with self._lock:
                self._free_workers += workers


def read_tree_files(
    tree: FileTree, files: Sequence[SelectedFile], reader_slots: ReaderSlots | None
) -> Generator[FileContents | TreeError]:
    """Yield the contents of each file in the given order. If a file cannot be read, yield the error instead.

    If the tree is large, worker processes help to read the files. If `reader_slots` is None, no processes are started.
    """
    if reader_slots is None or not tree.is_on_disk:
        yield from read_selected_files(tree, files)
        return
    with reader_slots.take(sum(map(estimate_work, files)) // PROCESS_WORK - 1) as workers:
        if workers == 0:
            yield from read_selected_files(tree, files)
        else:
            from bot.pipeline.reader_processes import read_in_processes  # noqa: PLC0415 - most trees are small

            yield from read_in_processes(tree, files, workers)
