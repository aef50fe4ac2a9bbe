"""Determine how many processes read the files of a tree."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Self

from bot.model.errors import TreeError
from bot.model.forge import TreeEntry
from bot.pipeline.references.file_reading import (
    FILE_WORK,
    MAX_FILE_BYTES,
    FileContents,
    SelectedFile,
    estimate_work,
    read_selected_files,
)
from bot.ports import FileFormat, FileTree

if TYPE_CHECKING:  # most trees need no processes
    from bot.piped_child import PipedChild

PROCESS_WORK = 8 * 1024 * 1024
"""The minimum work of each process that reads a tree, as `estimate_work` returns it. A worker needs 0.1 seconds of
processor time to start, and saves about 0.3 seconds if it reads this many bytes."""

_COMMON_ENDINGS = (".yaml", ".yml", "Dockerfile")
"""Endings of the paths of most files that formats select."""


class ReaderSlots:
    """The worker processes that basebump may still start for reading files. Threads share the object."""

    def __init__(self, processes: int) -> None:
        """Create the slots. `processes` is the maximum number of processes, of which one is basebump's own."""
        self.processes = processes
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


class TreeReader:
    """Reads the files of one tree. If the tree is large, worker processes help.

    Use the object in a `with` block, which ends the workers.
    """

    def __init__(self, tree: FileTree, formats: Sequence[FileFormat], reader_slots: ReaderSlots | None) -> None:
        """Create the reader. `formats` read the files. If `reader_slots` is None, no processes are started."""
        self._tree, self._formats = tree, formats
        self._reader_slots = reader_slots if tree.is_on_disk else None
        self._waiting: list[PipedChild] = []
        """Workers that were started before it is known which files they read."""
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def list_entries(self) -> Iterator[TreeEntry]:
        """Yield the entries of the tree. As soon as their paths show that workers are needed, start the workers.

        The programs of the workers then start while this process lists and selects files.
        """
        entries = iter(self._tree.list_entries())
        if self._reader_slots is not None:
            work = 0
            for entry in entries:
                yield entry
                if entry.path.endswith(_COMMON_ENDINGS):
                    work += FILE_WORK + min(entry.size or 0, MAX_FILE_BYTES)
                    if work >= (len(self._waiting) + 2) * PROCESS_WORK and not self._start_worker(self._reader_slots):
                        break
        yield from entries

    def _start_worker(self, reader_slots: ReaderSlots) -> bool:
        """Start a worker before it is known which files it reads. Return False if that is not possible."""
        if not self._stack.enter_context(reader_slots.take(1)):
            return False
        from bot.pipeline.references.reader_processes import start_workers  # noqa: PLC0415 - most trees are small

        child = next(start_workers(self._tree, self._formats, self._stack), None)
        if child is None:
            return False
        self._waiting.append(child)
        return True

    def read(self, files: Sequence[SelectedFile]) -> Generator[FileContents | TreeError]:
        """Yield the contents of each file in the given order. If a file cannot be read, yield the error instead."""
        if self._reader_slots is None:
            yield from read_selected_files(self._tree, files)
            return
        with self._stack.pop_all() as stack:
            waiting, self._waiting = self._waiting, []
            wanted = sum(map(estimate_work, files)) // PROCESS_WORK - 1
            workers = stack.enter_context(self._reader_slots.take(wanted - len(waiting))) + len(waiting)
            if wanted <= 0 or workers == 0:
                stack.close()
                yield from read_selected_files(self._tree, files)
            else:
                from bot.pipeline.references.reader_processes import read_in_processes  # noqa: PLC0415 - as above

                yield from read_in_processes(self._tree, files, workers, waiting, self._formats)
