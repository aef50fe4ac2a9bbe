"""Survey: read one tree and find every place in it where an image is written."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.model.errors import TreeError
from bot.model.report import Failed
from bot.model.source import FilePath, Occurrence, SourceFile, Unsupported
from bot.model.vocabulary import Reason, Stage
from bot.ports import Entry, FileFormat, GitRepository, Tree

MAX_FILE_BYTES = 8 * 1024 * 1024
"""Larger files are not read: the largest manifests in the wild (bundles of CRDs) have some five megabytes."""

WHOLE_FILE = frozenset({Reason.UNPARSABLE, Reason.TOO_LARGE, Reason.UNDECODABLE, Reason.TOO_DEEP})
"""Reasons that say a file was not read as a whole, so that it may hold places nobody saw."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One file as one format read it."""

    file: SourceFile
    file_format: FileFormat
    found: tuple[Occurrence | Unsupported, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """What one tree holds."""

    repository: GitRepository
    readings: tuple[Reading, ...] = ()
    """In the order of their paths."""
    unread: tuple[Unsupported, ...] = ()
    """Files that were not even opened."""
    failed: tuple[Failed, ...] = ()
    is_blind: bool = False
    """Whether there are files that nobody read: the tree was cut short, or some were too large or broken."""

    @property
    def occurrences(self) -> tuple[Occurrence, ...]:
        return tuple(each for reading in self.readings for each in reading.found if isinstance(each, Occurrence))

    def may_hide(self, repository: str) -> bool:
        """Say whether an image may stand somewhere that was not read, so that it is not gone though no place shows it.

        A file that could not be read as a whole hides only images whose last path part its bytes hold, in any encoding.
        """
        name = repository.rpartition("/")[2]
        spellings = [name.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be")]
        return self.is_blind or any(
            spelling in reading.file.content
            for reading in self.readings
            if any(map(_is_unread, reading.found))
            for spelling in spellings
        )

    def readings_of(self, path: FilePath) -> Sequence[Reading]:
        """Return one file as each format read it."""
        first = bisect_left(self.readings, path, key=_path_of)
        return self.readings[first : bisect_right(self.readings, path, key=_path_of)]

    @property
    def unsupported(self) -> tuple[Unsupported, ...]:
        found = [each for reading in self.readings for each in reading.found if isinstance(each, Unsupported)]
        return tuple(sorted([*found, *self.unread], key=lambda each: (each.path, each.line_number)))


def survey(repository: GitRepository, tree: Tree, formats: Sequence[FileFormat]) -> Survey:
    """Read the files that any format selects. Raises TreeError when the tree cannot be listed."""
    selected = _selected({entry.path: entry for entry in tree.entries()}, formats)
    readings: list[Reading] = []
    unread = [Unsupported(each.entry.path, 1, "", Reason.TOO_LARGE) for each in selected if each.is_too_large]
    failed = [Failed(_subject(repository, folder), Stage.SURVEY, str(why)) for folder, why in tree.unlisted]
    wanted = [each for each in selected if not each.is_too_large]
    for chosen, content in zip(wanted, tree.read([each.entry for each in wanted]), strict=True):
        path = chosen.entry.path
        if isinstance(content, TreeError):
            failed.append(Failed(_subject(repository, path), Stage.SURVEY, str(content)))
        elif len(content) > MAX_FILE_BYTES:
            unread.append(Unsupported(path, 1, "", Reason.TOO_LARGE))
        else:
            file = SourceFile(path, content)
            readings += [reading for file_format in chosen.formats if (reading := _read(file, file_format)).found]
    is_blind = not tree.complete or bool(unread) or bool(failed)
    return Survey(repository, tuple(readings), tuple(unread), tuple(failed), is_blind)


def _path_of(reading: Reading) -> FilePath:
    return reading.file.path


def _is_unread(found: Occurrence | Unsupported) -> bool:
    return isinstance(found, Unsupported) and found.reason in WHOLE_FILE


@dataclass(frozen=True, slots=True)
class _Selected:
    """A file, and the formats that read it."""

    entry: Entry
    formats: tuple[FileFormat, ...]

    @property
    def is_too_large(self) -> bool:
        return self.entry.size is not None and self.entry.size > MAX_FILE_BYTES


def _selected(entries: Mapping[FilePath, Entry], formats: Sequence[FileFormat]) -> list[_Selected]:
    selecting: dict[FilePath, list[FileFormat]] = {}
    for file_format in formats:
        for path in file_format.selects(entries.keys()):
            selecting.setdefault(path, []).append(file_format)
    return [_Selected(entries[path], tuple(selecting[path])) for path in sorted(selecting)]


def _read(file: SourceFile, file_format: FileFormat) -> Reading:
    return Reading(file, file_format, tuple(file_format.extract(file)))


def _subject(repository: GitRepository, path: FilePath) -> str:
    return f"{repository.name}/{path}" if repository.name else path
