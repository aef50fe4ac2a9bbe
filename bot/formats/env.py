"""`.env` files next to compose files: the variables that compose substitutes in image references."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from posixpath import dirname

from bot.formats._syntax.compose.file_names import list_compose_files
from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile
from bot.ports import FileFormat


class _EnvFormat:
    name = "env"
    has_line_end_comments = True

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        folders = {dirname(path) for path in list_compose_files(paths)}
        return [path for path in paths.list_named(".env") if dirname(path) in folders]

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        from bot.formats._readers.env import read

        return read(file)


FORMAT: FileFormat = _EnvFormat()
