"""The program of a worker process, which reads files for another process of basebump.

The worker gets messages on stdin, and answers each message on stdout. The first message is a `WorkerTask`, which has no
answer. Each further message is a list of `FileRequest`, and its answer is a list of `FileAnswer` in the same order. All
messages are in the format of pickle. The worker ends when stdin is closed.
"""

from __future__ import annotations

import gc
import io
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from operator import attrgetter
from typing import IO, TYPE_CHECKING, Any

from bot.model.errors import TreeError
from bot.model.extracted_item import ExtractedReferences
from bot.model.forge import TreeEntry
from bot.model.source import FilePath, SourceFile, UnreadText
from bot.piped_child import read_message, write_message
from bot.pipeline.references.file_reading import FileContents, FileReading, SelectedFile, read_selected_files
from bot.ports import FileFormat, FileTree

if TYPE_CHECKING:
    from bot.model.cross_file import CrossFileFact

MAX_ANSWER_WEIGHT = 32 * 1024 * 1024
"""The weight in bytes at which an answer ends, even if it does not answer for all requested files. An answer for the
files of a usual request weighs less than 8 MiB, and is in the memory of two processes."""
ITEM_WEIGHT = 2_048
"""The weight of an image reference or of a fact, which is its size in memory in bytes."""

FileRequest = tuple[FilePath, int | None, str | None, tuple[int, ...]]
"""The path, size and object id of a file, and the positions of its formats in `WorkerTask.formats`."""
ReadingAnswer = tuple[int, ExtractedReferences, tuple["CrossFileFact", ...]]
"""The position of a format in the formats of the file, and the references and facts that the format found."""
FileAnswer = int | str | tuple[int, bytes, bool, tuple[ReadingAnswer, ...], tuple[UnreadText, ...]]
"""The size and content of a file, whether it may have ignore comments, its readings, and the texts that none reads.

The content is empty if there are no readings. Only the size of the file if no format found anything; only the message
of the error if the file could not be read.
"""


@dataclass(frozen=True, slots=True)
class WorkerTask:
    """The tree and the formats with which a worker reads files."""

    tree: FileTree
    formats: tuple[FileFormat, ...]
    collector_thresholds: tuple[int, int, int]
    """The thresholds of Python's collector of reference cycles, which are those of basebump's own process."""


def main() -> None:
    """Answer all messages on stdin."""
    serve_requests(sys.stdin.buffer, sys.stdout.buffer)


def serve_requests(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer all messages on `requests`, until it is closed."""
    first = read_message(requests)
    if first is None:
        return
    task: WorkerTask = pickle.loads(first)  # noqa: S301 - the sender is basebump
    gc.set_threshold(*task.collector_thresholds)
    while (message := read_message(requests)) is not None:
        files = unpack_requests(message, task.formats)
        write_message(answers, pack_answers(files, list(read_until_too_heavy(task.tree, files))))


def read_until_too_heavy(tree: FileTree, files: Sequence[SelectedFile]) -> Iterator[FileContents | TreeError]:
    """Yield the contents of each file as `read_selected_files` does, until they weigh MAX_ANSWER_WEIGHT."""
    weight = 0
    for contents in read_selected_files(tree, files):
        yield contents
        weight += weigh_contents(contents)
        if weight >= MAX_ANSWER_WEIGHT:
            return


def weigh_contents(contents: FileContents | TreeError) -> int:
    """Return the bytes that the contents of a file occupy in memory; 0 if no format found anything in the file."""
    if isinstance(contents, TreeError):
        return 0
    item_count = contents.reference_count + contents.fact_count + len(contents.unread_texts)
    return (contents.size if contents.readings else 0) + item_count * ITEM_WEIGHT


def pack_requests(files: Sequence[SelectedFile], formats: Sequence[FileFormat]) -> bytes:
    """Return the message that requests the contents of `files` from a worker."""
    positions = {id(file_format): position for position, file_format in enumerate(formats)}
    requests: list[FileRequest] = [
        (each.entry.path, each.entry.size, each.entry.oid, tuple(positions[id(it)] for it in each.formats))
        for each in files
    ]
    return pickle.dumps(requests, pickle.HIGHEST_PROTOCOL)


def unpack_requests(message: bytes, formats: Sequence[FileFormat]) -> list[SelectedFile]:
    """Return the files that a message requests."""
    requests: list[FileRequest] = pickle.loads(message)  # noqa: S301 - the sender is basebump
    return [
        SelectedFile(TreeEntry(path, size, oid), tuple(formats[position] for position in positions))
        for path, size, oid, positions in requests
    ]


def pack_answers(files: Sequence[SelectedFile], answers: Sequence[FileContents | TreeError]) -> bytes:
    """Return the answer of a worker. `answers` can be shorter than `files`."""
    message = io.BytesIO()
    pickler = pickle.Pickler(message, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = _REDUCERS
    pickler.dump([_pack_answer(file, contents) for file, contents in zip(files, answers, strict=False)])
    return message.getvalue()


def unpack_answers(message: bytes | memoryview, files: Sequence[SelectedFile]) -> list[FileContents | TreeError]:
    """Return the contents in the answer for `files`. The result can be shorter than `files`."""
    answers: list[FileAnswer] = pickle.loads(message)  # noqa: S301 - the sender is a worker of this process
    return [_unpack_answer(file, answer) for file, answer in zip(files, answers, strict=False)]


class _ReducerTable(dict[type, Callable[[Any], tuple[type, tuple[Any, ...]]]]):
    """Functions that reduce an object to its class and the arguments with which the class creates it again.

    The table contains dataclasses with several fields. Without it, pickle stores and restores their fields one by one
    with `dataclasses.fields`, which takes twice as long.
    """

    def __missing__(self, key: type) -> Callable[[Any], tuple[type, tuple[Any, ...]]]:
        names = [field.name for field in fields(key)] if is_dataclass(key) else []
        if len(names) <= 1:  # attrgetter returns a tuple only for several names
            raise KeyError(key)
        get_fields = attrgetter(*names)
        self[key] = lambda item: (key, get_fields(item))
        return self[key]


_REDUCERS = _ReducerTable()


def _pack_answer(file: SelectedFile, contents: FileContents | TreeError) -> FileAnswer:
    if isinstance(contents, TreeError):
        return str(contents)
    if not contents.readings:
        texts = contents.unread_texts
        return (contents.size, b"", False, (), texts) if texts else contents.size
    first = contents.readings[0]
    readings = tuple(
        (file.formats.index(reading.file_format), reading.extracted, reading.facts) for reading in contents.readings
    )
    return contents.size, first.file.content, first.may_have_ignore_comments, readings, contents.unread_texts


def _unpack_answer(file: SelectedFile, answer: FileAnswer) -> FileContents | TreeError:
    if isinstance(answer, str):
        return TreeError(answer)
    if isinstance(answer, int):
        return FileContents(answer)
    size, content, may_have_ignore_comments, readings, texts = answer
    source = SourceFile(file.entry.path, content)
    return FileContents(
        size,
        tuple(
            FileReading(source, file.formats[position], references, facts, may_have_ignore_comments)
            for position, references, facts in readings
        ),
        texts,
    )
