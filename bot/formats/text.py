"""Any text: references with a tag that are pinned already, in files that the operator names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from bot.model.found import Found
from bot.model.source import FilePath, SourceFile
from bot.ports import FileFormat


class _Text:
    name = "text"
    has_line_end_comments = True

    def selects(self, paths: Collection[FilePath]) -> Iterable[FilePath]:  # noqa: ARG002 - only operators name files
        return ()

    def extract(self, file: SourceFile) -> Iterator[Found]:
        if b"@sha256:" not in file.content or b"\0" in file.content:  # with a NUL it is no text
            return iter(())
        from bot.formats._readers.text import read

        return read(file)


FORMAT: FileFormat = _Text()
