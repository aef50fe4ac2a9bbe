"""Read the files of a large tree with several processes. The result is the same as with one process.

basebump divides the files into parts. Its own process and the worker processes take the next part whenever they have
finished one. basebump yields the results in the order of the files, and takes them from the budget of the tree in this
order.
"""

from __future__ import annotations

import gc
import os
import pickle
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

import bot
from bot.model.errors import ProcessError, TreeError
from bot.piped_child import PipedChild, start_piped_child, wait_for_children
from bot.pipeline.references.file_reading import FileContents, SelectedFile, estimate_work, read_selected_files
from bot.pipeline.references.reader_worker import (
    WorkerTask,
    pack_requests,
    read_until_too_heavy,
    unpack_answers,
    weigh_contents,
)
from bot.ports import FileFormat, FileTree

MAX_PART_WORK = 4 * 1024 * 1024
"""The maximum work of a part. A part of this size takes about 0.2 seconds. A smaller part costs more, because a tree of
git starts git once for each part.
"""
MIN_PART_WORK = 128 * 1024
"""The minimum work of a part, except for the last one. A part costs about 0.2 milliseconds besides reading its files.
The last parts are this small, so that all processes end within a few milliseconds of each other."""
PART_SHARE = 8
"""Each process gets at most this fraction of the remaining work as its next part."""
QUEUED_PARTS = 2
"""The number of parts that a worker has at a time, so that it has another part when it has finished one."""
EXCHANGE_INTERVAL = 0.003
"""Seconds after which basebump looks for messages of the workers while it reads files itself. A worker has QUEUED_PARTS
parts, which take longer."""
MAX_WAITING_WEIGHT = 64 * 1024 * 1024
"""The weight in bytes of results that may wait for the results of earlier files. They are not yet taken from the budget
of the tree. If such results weigh more, basebump reads no further parts until it has the earlier results.
"""
ANSWER_TIMEOUT = 120.0
"""Seconds without an answer of any worker after which the workers are ended. No file takes more than ten seconds on a
machine like those of CI services."""

_PROGRAM = "import sys; sys.path[:] = {}; from bot.pipeline.references.reader_worker import main; main()"

Part = range
"""The positions of the files of a part."""


def start_workers(tree: FileTree, formats: Sequence[FileFormat], stack: ExitStack) -> Iterator[PipedChild]:
    """Start workers one by one, until one cannot be started. `stack` ends them.

    A worker imports the modules of its formats at once, before it is known which files it reads.
    """
    command, environment = _build_command(), _build_environment()
    message = pickle.dumps(WorkerTask(tree, tuple(formats), gc.get_threshold()), pickle.HIGHEST_PROTOCOL)
    with suppress(ProcessError):
        while True:
            child = stack.enter_context(start_piped_child(command, environment))
            child.send(message)
            yield child


def read_in_processes(
    tree: FileTree,
    files: Sequence[SelectedFile],
    workers: int,
    waiting: Sequence[PipedChild] = (),
    waiting_formats: Sequence[FileFormat] = (),
) -> Iterator[FileContents | TreeError]:
    """Yield the contents of each file as `read_selected_files` does, with the help of worker processes.

    If a worker cannot be started, ends early or does not answer, this process reads its files.

    Args:
        tree: The tree. It must be on this machine (`is_on_disk`).
        files: The files to read.
        workers: The number of processes that read in addition to this process.
        waiting: Those workers that were already started, with the same tree.
        waiting_formats: The formats with which they were started, among which are all formats of the files.
    """
    formats = waiting_formats if waiting else list({id(each): each for file in files for each in file.formats}.values())
    with ExitStack() as stack:
        children = islice(chain(waiting, start_workers(tree, formats, stack)), workers)
        parts = divide_files(files, workers + 1)
        yield from _SharedReading(tree, files, formats, list(map(_Worker, children)), parts).read()


def divide_files(files: Sequence[SelectedFile], processes: int) -> list[Part]:
    """Return consecutive parts of the files. The parts become smaller, so that all processes end at the same time."""
    works = [estimate_work(file) for file in files]
    remaining = sum(works)
    parts: list[Part] = []
    start = size = 0
    limit = _choose_part_work(remaining, processes)
    for position, work in enumerate(works):
        if size and size + work > limit:
            parts.append(range(start, position))
            remaining -= size
            start, size = position, 0
            limit = _choose_part_work(remaining, processes)
        size += work
    return [*parts, range(start, len(files))]


def _choose_part_work(remaining: int, processes: int) -> int:
    return max(MIN_PART_WORK, min(MAX_PART_WORK, remaining // (processes * PART_SHARE)))


@dataclass(slots=True)
class _Worker:
    child: PipedChild
    parts: deque[int] = field(default_factory=deque)
    """The numbers of the parts that the worker has not answered yet, in the order in which it answers."""


class _SharedReading:
    """The progress of reading the files of one tree."""

    def __init__(
        self,
        tree: FileTree,
        files: Sequence[SelectedFile],
        formats: Sequence[FileFormat],
        workers: list[_Worker],
        parts: Sequence[Part],
    ) -> None:
        self._tree, self._files, self._formats = tree, files, formats
        self._workers = workers
        self._parts = parts
        self._free_parts = deque(range(len(parts)))
        """The numbers of the parts that no process has taken, in ascending order."""
        self._results: dict[int, list[FileContents | TreeError]] = {}
        """The results of the parts that were not yielded yet, by the number of the part."""
        self._waiting_weight = 0

    def read(self) -> Iterator[FileContents | TreeError]:
        """Yield the contents of each file in order."""
        for number, part in enumerate(self._parts):
            self._exchange_messages()
            while number not in self._results:
                self._advance(number)
                self._exchange_messages()
            results = self._results.pop(number)
            self._waiting_weight -= _weigh(results)
            yield from results
            if len(results) < len(part):  # the results were too heavy for one answer
                yield from read_selected_files(self._tree, self._get_files(part[len(results) :]))

    def _advance(self, number: int) -> None:
        """Read a part, or wait for the result of part `number`, which is the next one to yield."""
        if self._free_parts and (self._free_parts[0] == number or not self._is_far_ahead):
            self._read_part(self._free_parts.popleft())
        elif not any(number in worker.parts for worker in self._workers):  # the worker of this part ended
            self._read_part(number)
        elif not wait_for_children([worker.child for worker in self._workers], ANSWER_TIMEOUT):
            self._workers.clear()

    @property
    def _is_far_ahead(self) -> bool:
        return self._waiting_weight >= MAX_WAITING_WEIGHT

    def _read_part(self, number: int) -> None:
        """Read a part in this process. Exchange messages with the workers between files."""
        results: list[FileContents | TreeError] = []
        exchanged_at = time.monotonic()
        for contents in read_until_too_heavy(self._tree, self._get_files(self._parts[number])):
            results.append(contents)
            if time.monotonic() > exchanged_at + EXCHANGE_INTERVAL:
                self._exchange_messages()
                exchanged_at = time.monotonic()
        self._add_results(number, results)

    def _exchange_messages(self) -> None:
        """Store the answers that have arrived, and send requests to workers that have less than QUEUED_PARTS parts."""
        for worker in tuple(self._workers):
            for message in worker.child.receive():
                number = worker.parts.popleft()
                self._add_results(number, unpack_answers(message, self._get_files(self._parts[number])))
            while len(worker.parts) < QUEUED_PARTS and self._free_parts and not self._is_far_ahead:
                number = self._free_parts.popleft()
                worker.parts.append(number)
                worker.child.send(pack_requests(self._get_files(self._parts[number]), self._formats))
            if worker.child.has_ended:
                self._workers.remove(worker)

    def _add_results(self, number: int, results: list[FileContents | TreeError]) -> None:
        self._results[number] = results
        self._waiting_weight += _weigh(results)

    def _get_files(self, part: Part) -> Sequence[SelectedFile]:
        return self._files[part.start : part.stop]


def _weigh(results: Sequence[FileContents | TreeError]) -> int:
    return sum(map(weigh_contents, results))


def _build_command() -> list[str]:
    """Return the command of a worker.

    The worker is isolated (`-I`), so that it imports no modules from the current folder, which may be the folder that
    is scanned. It imports modules from the folders from which this process imports them.
    """
    folders = [str(Path(bot.__file__).parent.parent), *(path for path in sys.path if Path(path).is_absolute())]
    options = ["-I", "-S", "-X", f"utf8={sys.flags.utf8_mode}", *(["-B"] if sys.dont_write_bytecode else [])]
    return [sys.executable, *options, "-c", _PROGRAM.format(list(dict.fromkeys(folders)))]


def _build_environment() -> dict[str, str]:
    """Return the variable that determines the encoding of paths, besides those that every child process gets."""
    return {name: os.environ[name] for name in ("LC_CTYPE",) if name in os.environ}
