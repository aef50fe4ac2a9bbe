"""Compose files: the images of services, inline Dockerfiles and additional build contexts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from bot.formats._syntax.compose.file_names import is_compose_file
from bot.model.extracted_item import ExtractedItem
from bot.model.source import FilePath, SourceFile
from bot.ports import FileFormat


class _ComposeFormat:
    name = "compose"
    has_line_end_comments = True

    def select_paths(self, paths: Collection[FilePath]) -> Iterable[FilePath]:
        return [path for path in paths if is_compose_file(path)]

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        from bot.formats._readers.compose import read

        return read(file)


FORMAT: FileFormat = _ComposeFormat()
