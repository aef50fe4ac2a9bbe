"""The formats as the cases of tests need them, and what they find: each file is read once, however often it is asked.

One that reads only what operators name reads every file here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, lru_cache

from bot.formats import load_formats_with_globs
from bot.formats._syntax.yaml import nodes, trees
from bot.model.extracted_item import ExtractedReferences
from bot.model.source import FilePath, SourceFile
from bot.pipeline.extract import relate_references
from bot.pipeline.file_reading import FileReading, read_file
from bot.ports import FileFormat

CASE_FORMATS = load_formats_with_globs({"text": ("**",)})
OF_OTHER_PLACES = frozenset({"codeowners", "dependabot", "renovate"})
"""Formats that have no place themselves: their cases are about those of the others, `text` left out."""
_KEPT = 16_384
"""Readings: more than all cases have in both YAML parsers, and some of the files that Hypothesis makes."""


def places_of(file_format: FileFormat, files: Mapping[FilePath, bytes]) -> ExtractedReferences:
    """Return what a format finds in a tree of files, as the remarks of all formats leave it."""
    chosen = _selected(tuple(files))
    readings = [_read(SourceFile(path, files[path]), each, trees._LOADER, nodes.MAX_VISITS) for path, each in chosen]
    if file_format.name in OF_OTHER_PLACES:
        return relate_references([each for each in readings if each.file_format.name != "text"])
    return relate_references(
        [each if each.file_format is file_format else replace(each, references=()) for each in readings]
    )


@cache
def _selected(paths: tuple[FilePath, ...]) -> list[tuple[FilePath, FileFormat]]:
    return [(path, each) for each in CASE_FORMATS for path in each.select_paths(dict.fromkeys(paths).keys())]


@lru_cache(_KEPT)
def _read(file: SourceFile, file_format: FileFormat, *_circumstances: object) -> FileReading:
    """Read a file; what tests change of how files are read is named, so that it is read again."""
    return read_file(file, file_format)
