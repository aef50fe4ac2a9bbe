"""The golden cases of the formats and their references; each file is read only once.

One that reads only what operators name reads every file here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, lru_cache

from bot.formats import load_formats_with_globs
from bot.formats._syntax.yaml import nodes, trees
from bot.model.extracted_item import ExtractedReferences
from bot.model.forge import TreeEntry
from bot.model.path_index import index_paths
from bot.model.source import FilePath, SourceFile
from bot.pipeline.references.extract import relate_references, select_named_values
from bot.pipeline.references.file_reading import FileReading, SelectedFile, read_file
from bot.ports import FileFormat

CASE_FORMATS = load_formats_with_globs({"text": ("**",)})
OF_OTHER_PLACES = frozenset({"codeowners", "dependabot", "renovate"})
"""Formats that have no place themselves: their cases are about those of the others, `text` left out."""
_KEPT = 16_384
"""Readings: more than all cases have in both YAML parsers, and some of the files that Hypothesis makes."""


def find_tree_references(file_format: FileFormat, files: Mapping[FilePath, bytes]) -> ExtractedReferences:
    """Return the references of a format in a tree of files, after the remarks of all formats."""
    chosen = _selected(tuple(files))
    readings = [_read(SourceFile(path, files[path]), each, trees._LOADER, nodes.MAX_VISITS) for path, each in chosen]
    readings += _read_named_values(files, readings)
    if file_format.name in OF_OTHER_PLACES:
        return relate_references([each for each in readings if each.file_format.name != "text"])
    return relate_references(
        [each if each.file_format.name == file_format.name else replace(each, extracted=()) for each in readings]
    )


def _read_named_values(files: Mapping[FilePath, bytes], readings: list[FileReading]) -> list[FileReading]:
    """Return the readings of the values files that other files name; `text` reads them in the cases only."""
    entries = {path: TreeEntry(path, None) for path in files}
    selected = [SelectedFile(entries[path], (each,)) for path, each in _selected(tuple(files))]
    found = [each for each in readings if (each.extracted or each.facts) and each.file_format.name != "text"]
    return [
        _read(SourceFile(each.entry.path, files[each.entry.path]), each.formats[0], trees._LOADER, nodes.MAX_VISITS)
        for each in select_named_values(entries, selected, found, CASE_FORMATS)
    ]


@cache
def _selected(paths: tuple[FilePath, ...]) -> list[tuple[FilePath, FileFormat]]:
    index = index_paths(paths)
    return [(path, each) for each in CASE_FORMATS for path in sorted(each.select_paths(index))]


@lru_cache(_KEPT)
def _read(file: SourceFile, file_format: FileFormat, *_circumstances: object) -> FileReading:
    """Read a file; settings that tests change are part of the cache key."""
    return read_file(file, file_format)
