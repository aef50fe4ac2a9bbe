"""Compose files: the images of services, inline Dockerfiles and additional build contexts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.formats._syntax.compose.file_names import list_compose_files
from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile
from bot.ports import FileFormat


class _ComposeFormat:
    name = "compose"
    has_line_end_comments = True

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        return list_compose_files(paths)

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        from bot.formats._readers.compose import read

        return read(file)


FORMAT: FileFormat = _ComposeFormat()
