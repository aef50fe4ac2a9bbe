"""Read the files of a tree with the formats that select them.

Worker processes import this module, so it imports only modules that they need.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from bot.formats.text import UnreadTextsFormat
from bot.model.cost_limits import MAX_FILE_FACTS, MAX_FILE_REFERENCES
from bot.model.errors import TreeError
from bot.model.extracted_item import ExtractedItem, ExtractedReferences
from bot.model.forge import TreeEntry
from bot.model.image_name import ImageName
from bot.model.source import IGNORE_COMMENT_MARK, Reference, SourceFile, UnreadText, UnsupportedText
from bot.model.vocabulary import Reason
from bot.ports import FileFormat, FileTree

if TYPE_CHECKING:  # for annotations only, so that the start does not load these modules
    from bot.model.cross_file import CrossFileFact

MAX_FILE_BYTES = 8 * 1024 * 1024
"""Larger files are not read. The largest known manifests, which are bundles of CRDs, have about five megabytes."""

FILE_WORK = 4 * 1024
"""The work for opening a file and selecting its readers, in bytes that can be read in the same time."""

_LFS_POINTER = b"version https://git-lfs.github.com/spec/v1"
"""The start of a file of Git LFS whose content was not downloaded. Most formats would find nothing in it."""
_TEXT_FORMAT = "text"
"""The name of the format that finds image references in any text."""


class SelectedFile(NamedTuple):
    """A file to read, and the formats that select it.

    This is a named tuple and not a dataclass, because one is created for each file of a tree.
    """

    entry: TreeEntry
    formats: tuple[FileFormat, ...]

    @property
    def is_too_large(self) -> bool:
        return self.entry.size is not None and self.entry.size > MAX_FILE_BYTES


@dataclass(frozen=True, slots=True)
class FileReading:
    """The references and facts that one format extracted from one file."""

    file: SourceFile
    file_format: FileFormat
    extracted: ExtractedReferences
    facts: tuple[CrossFileFact, ...] = ()
    """Facts that the file states about references in other files."""
    may_have_ignore_comments: bool = False
    """True if the file contains IGNORE_COMMENT_MARK. The marks are searched here, where several processes read the
    files of a tree.
    """


class FileContents(NamedTuple):
    """The size of a file in bytes, and the readings of all formats that found something in the file.

    This is a named tuple and not a dataclass, because one is created for each file of a tree.
    """

    size: int
    readings: tuple[FileReading, ...] = ()
    """Empty if the file has more than MAX_FILE_BYTES."""
    unread_texts: tuple[UnreadText, ...] = ()
    """Texts that look like image references and that none of the formats reads."""

    @property
    def reference_count(self) -> int:
        return sum(len(reading.extracted) for reading in self.readings)

    @property
    def fact_count(self) -> int:
        return sum(len(reading.facts) for reading in self.readings)


def read_selected_files(tree: FileTree, files: Sequence[SelectedFile]) -> Iterator[FileContents | TreeError]:
    """Yield the contents of each file in the given order. If a file cannot be read, yield the error instead."""
    contents = tree.read([selected_file.entry for selected_file in files])
    for selected_file, content in zip(files, contents, strict=True):
        if isinstance(content, TreeError):
            yield content
        elif len(content) > MAX_FILE_BYTES:
            yield FileContents(len(content))
        else:
            yield _read_contents(SourceFile(selected_file.entry.path, content), selected_file.formats)


def _read_contents(file: SourceFile, formats: Sequence[FileFormat]) -> FileContents:
    if formats and file.content.startswith(_LFS_POINTER):
        pointer = UnsupportedText(file.path, 1, _LFS_POINTER.decode(), Reason.UNPARSABLE)
        return FileContents(len(file.content), (FileReading(file, formats[0], (pointer,)),))
    readings: list[FileReading] = []
    text_finder: UnreadTextsFormat | None = None
    for file_format in formats:
        if isinstance(file_format, UnreadTextsFormat):
            text_finder = file_format
            continue
        # Most pairs of a file and a format have no items. Nothing is built for these, because a large tree has many.
        items = file_format.extract(file)
        first = next(items, None)
        if first is not None:
            readings.append(_collect_items(file, file_format, chain((first,), items)))
    found = [each for each in _leave_out_repetitions(readings) if each.extracted or each.facts] if readings else []
    texts = (
        tuple(text_finder.find_unread_texts(file, [item for reading in found for item in reading.extracted]))
        if text_finder is not None
        else ()
    )
    return FileContents(len(file.content), tuple(found), texts)


def estimate_work(file: SelectedFile) -> int:
    """Return an estimate of the work for reading a file, as the number of bytes that can be read in the same time."""
    return FILE_WORK + (0 if file.entry.size is None or file.is_too_large else file.entry.size)


def read_with_formats(file: SourceFile, formats: Sequence[FileFormat]) -> Sequence[FileReading]:
    """Read one file with each of `formats`, and return one reading for each format.

    References that the format `text` finds are left out if another format finds the same reference on the same line.
    """
    return _leave_out_repetitions([read_file(file, file_format) for file_format in formats])


def _leave_out_repetitions(readings: Sequence[FileReading]) -> Sequence[FileReading]:
    """Leave out references of the format `text` that another format finds, too."""
    if all(reading.file_format.name != _TEXT_FORMAT for reading in readings):
        return readings
    known_references = {
        (reference.line_number, reference.image)
        for reading in readings
        for reference in reading.extracted
        if isinstance(reference, Reference) and reading.file_format.name != _TEXT_FORMAT
    }
    return [
        replace(
            reading,
            extracted=tuple(each for each in reading.extracted if not _is_known_reference(each, known_references)),
        )
        if reading.file_format.name == _TEXT_FORMAT
        else reading
        for reading in readings
    ]


def _is_known_reference(
    reference: Reference | UnsupportedText, known_references: Collection[tuple[int, ImageName]]
) -> bool:
    return isinstance(reference, Reference) and (reference.line_number, reference.image) in known_references


def read_file(file: SourceFile, file_format: FileFormat) -> FileReading:
    """Extract the references and facts that one format finds in a file.

    If there are more than MAX_FILE_REFERENCES or MAX_FILE_FACTS, the extraction ends, and the file counts as too large.
    """
    return _collect_items(file, file_format, file_format.extract(file))


def _collect_items(file: SourceFile, file_format: FileFormat, items: Iterable[ExtractedItem]) -> FileReading:
    references: list[Reference | UnsupportedText] = []
    facts: list[CrossFileFact] = []
    for item in items:
        if len(references) == MAX_FILE_REFERENCES or len(facts) == MAX_FILE_FACTS:
            references, facts = [UnsupportedText(file.path, 1, "", Reason.TOO_LARGE)], []
            break
        if isinstance(item, Reference | UnsupportedText):
            references.append(item)
        else:
            facts.append(item)
    return FileReading(file, file_format, tuple(references), tuple(facts), IGNORE_COMMENT_MARK in file.content)
