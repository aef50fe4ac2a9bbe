"""Any text file that the config selects: references with a tag that are already pinned by a digest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile
from bot.ports import FileFormat


class _TextFormat:
    name = "text"
    has_line_end_comments = True

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:  # noqa: ARG002 - only `files:` selects files
        return ()

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        if b"@sha256:" not in file.content or b"\0" in file.content:  # a file with a NUL byte is not text
            return iter(())
        from bot.formats._readers.text import read

        return read(file)


FORMAT: FileFormat = _TextFormat()
