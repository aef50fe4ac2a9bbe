"""Skaffold: the images that Skaffold builds from and tests with, and the names of the images that it builds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile
from bot.ports import FileFormat

_FILE_NAME = re.compile(r"(?:.*/)?skaffold[^/]*\.ya?ml", re.DOTALL)


class _SkaffoldFormat:
    name = "skaffold"
    has_line_end_comments = True

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        return [path for path in paths.list_containing("skaffold") if _FILE_NAME.fullmatch(path)]

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        from bot.formats._readers.skaffold import read

        return read(file)


FORMAT: FileFormat = _SkaffoldFormat()
