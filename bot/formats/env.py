"""`.env` files next to compose files: the variables that compose substitutes in image references."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from posixpath import basename, dirname

from bot.formats._syntax.compose.file_names import is_compose_file
from bot.model.extracted_item import ExtractedItem
from bot.model.source import FilePath, SourceFile
from bot.ports import FileFormat

_FILE_NAME = ".env"


class _EnvFormat:
    name = "env"
    has_line_end_comments = True

    def select_paths(self, paths: Collection[FilePath]) -> Iterable[FilePath]:
        environments = [path for path in paths if path.endswith(_FILE_NAME) and basename(path) == _FILE_NAME]
        if not environments:
            return []
        folders = {dirname(path) for path in paths if is_compose_file(path)}
        return [path for path in environments if dirname(path) in folders]

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        from bot.formats._readers.env import read

        return read(file)


FORMAT: FileFormat = _EnvFormat()
