"""Bicep: the images of container apps, container instances and web apps on Azure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile
from bot.ports import FileFormat

_PROPERTIES = (b"image", b"fxversion")


class _BicepFormat:
    name = "bicep"
    has_line_end_comments = True

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        return paths.list_ending(".bicep")

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        text = file.content.lower()
        if b"microsoft." not in text or not any(each in text for each in _PROPERTIES):
            return iter(())
        from bot.formats._readers.bicep import read

        return read(file)


FORMAT: FileFormat = _BicepFormat()
