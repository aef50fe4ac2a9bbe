"""Survey: read one tree and find every place in it where an image is written."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.core.places.ignore import comment_at, lines_of
from bot.core.places.relate import relate
from bot.model.errors import ConfigError, ConfigProblem, TreeError
from bot.model.forge import Entry, GitRepository
from bot.model.found import Places
from bot.model.reference import ImageReference
from bot.model.report import Failed
from bot.model.source import FilePath, Occurrence, SourceFile, Unsupported
from bot.model.vocabulary import WHOLE_FILE, Reason, Stage
from bot.ports import FileFormat, RulesReader, Tree

if TYPE_CHECKING:  # a start pays only for what it uses
    from bot.model.remark import Remark
    from bot.model.rules import Rule

MAX_FILE_BYTES = 8 * 1024 * 1024
"""Larger files are not read: the largest manifests in the wild (bundles of CRDs) have some five megabytes."""

OWN_FILES = tuple(map(FilePath, (".github/basebump.yaml", ".gitlab/basebump.yaml", ".basebump.yaml")))
"""Where a repository may say itself what it wants; the first that there is counts."""

_TEXT = "text"
"""The format that knows nothing of what it reads."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One file as one format read it."""

    file: SourceFile
    file_format: FileFormat
    places: Places
    remarks: tuple[Remark, ...] = ()
    """What the file says of places in others."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What one tree holds."""

    repository: GitRepository
    readings: tuple[Reading, ...] = ()
    """In the order of their paths."""
    places: Places = ()
    """What the readings found, each place as the remarks of all files leave it."""
    unread: tuple[Unsupported, ...] = ()
    """Files that were not even opened."""
    failed: tuple[Failed, ...] = ()
    rules: tuple[Rule, ...] = ()
    """Of the repository's own file."""
    note: str = ""
    """What keeps the whole repository from being looked at, in a sentence."""
    has_own_file: bool = False
    """Whether the repository says itself what it wants, rightly or wrongly."""
    is_blind: bool = False
    """Whether there are files that nobody read: the tree was cut short, or some were too large or broken."""

    @property
    def occurrences(self) -> tuple[Occurrence, ...]:
        return tuple(each for each in self.places if isinstance(each, Occurrence))

    def may_hide(self, repository: str) -> bool:
        """Say whether an image may stand somewhere that was not read, so that it is not gone though no place shows it.

        A file that could not be read as a whole hides only images whose last path part its bytes hold, in any encoding.
        """
        name = repository.rpartition("/")[2]
        spellings = [name.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be")]
        return self.is_blind or any(
            spelling in reading.file.content
            for reading in self.readings
            if any(map(_is_unread, reading.places))
            for spelling in spellings
        )

    def readings_of(self, path: FilePath) -> Sequence[Reading]:
        """Return one file as each format read it."""
        first = bisect_left(self.readings, path, key=_path_of)
        return self.readings[first : bisect_right(self.readings, path, key=_path_of)]

    def readings_with(self, again: Sequence[Reading]) -> Sequence[Reading]:
        """Return all readings, with those of one file replaced."""
        path = again[0].file.path
        first = bisect_left(self.readings, path, key=_path_of)
        last = bisect_right(self.readings, path, key=_path_of)
        return (*self.readings[:first], *again, *self.readings[last:])

    @property
    def unsupported(self) -> tuple[Unsupported, ...]:
        found = [each for each in self.places if isinstance(each, Unsupported)]
        return tuple(sorted([*found, *self.unread], key=lambda each: (each.path, each.line_number)))


def survey(
    repository: GitRepository, tree: Tree, formats: Sequence[FileFormat], read_rules: RulesReader | None = None
) -> Survey:
    """Read the files that any format selects, and the repository's own word on what may be done, if it is asked for.

    Raises TreeError when the tree cannot be listed or its own file not be read, and ConfigError where that is wrong.
    """
    entries = {entry.path: entry for entry in tree.entries()}
    rules = _rules(entries, tree, read_rules) if read_rules is not None else None
    selected = _selected(entries, formats)
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
            read_by_each = read_by(SourceFile(path, content), chosen.formats)
            readings += [reading for reading in read_by_each if reading.places or reading.remarks]
    return Survey(
        repository=repository,
        readings=tuple(readings),
        places=related(readings, home=repository),
        unread=tuple(unread),
        failed=tuple(failed),
        rules=rules or (),
        has_own_file=rules is not None,
        is_blind=not tree.complete or bool(unread) or bool(failed),
    )


def _rules(entries: Mapping[FilePath, Entry], tree: Tree, read_rules: RulesReader) -> tuple[Rule, ...] | None:
    """Return what the repository says itself, None where it has no such file."""
    own = next((entries[path] for path in OWN_FILES if path in entries), None)
    if own is None:
        return None
    if own.size is not None and own.size > MAX_FILE_BYTES:
        raise ConfigError(own.path, (ConfigProblem("", f"has more than {MAX_FILE_BYTES} bytes, and is not read"),))
    (content,) = tree.read([own])
    if isinstance(content, TreeError):
        raise content
    return read_rules(content, own.path)


def read_by(file: SourceFile, formats: Sequence[FileFormat]) -> Sequence[Reading]:
    """Read one file as each of `formats` does; what `text` finds is another's where that has the same image there."""
    readings = [read(file, file_format) for file_format in formats]
    told = {
        (place.line_number, place.reference)
        for reading in readings
        for place in reading.places
        if isinstance(place, Occurrence) and reading.file_format.name != _TEXT
    }
    return [
        replace(reading, places=tuple(each for each in reading.places if not _is_told(each, told)))
        if reading.file_format.name == _TEXT
        else reading
        for reading in readings
    ]


def _is_told(place: Occurrence | Unsupported, told: Collection[tuple[int, ImageReference]]) -> bool:
    return isinstance(place, Occurrence) and (place.line_number, place.reference) in told


def read(file: SourceFile, file_format: FileFormat) -> Reading:
    """Read one file as one format does, and the comments of people at its places."""
    places: list[Occurrence | Unsupported] = []
    remarks: list[Remark] = []
    for found in file_format.extract(file):
        if isinstance(found, Occurrence | Unsupported):
            places.append(found)
        else:
            remarks.append(found)
    return Reading(file, file_format, tuple(places), tuple(remarks))


def related(readings: Sequence[Reading], told: Sequence[Remark] = (), *, home: GitRepository | None = None) -> Places:
    """Return the places of a tree as the remarks of all its files, of others and the comments of people leave them.

    `home` says which branch the tree is of, where that is known.
    """
    remarks = [*(remark for reading in readings for remark in reading.remarks), *told]
    if remarks and home is not None and home.base_branch is not None:
        from bot.model.remark import OnBranch

        remarks.append(OnBranch(home.base_branch, home.is_default_base))
    places = relate((reading.places for reading in readings), remarks)
    commented = {
        reading.file.path: (lines, reading.file_format.has_line_end_comments)
        for reading in readings
        if (lines := lines_of(reading.file.content)) is not None
    }
    return tuple(_commented(place, commented) for place in places) if commented else places


def _commented(
    place: Occurrence | Unsupported, commented: Mapping[FilePath, tuple[Sequence[bytes], bool]]
) -> Occurrence | Unsupported:
    if isinstance(place, Unsupported) or place.path not in commented:
        return place
    lines, at_line_end = commented[place.path]
    numbers = (place.line_number, *place.also_lines)
    return replace(place, comment=comment_at(lines, numbers, at_line_end=at_line_end))


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


def _subject(repository: GitRepository, path: FilePath) -> str:
    return f"{repository.name}/{path}" if repository.name else path
