"""Quadlet units of Podman: the `Image=` setting of container, image and volume units, and builds with arguments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile
from bot.ports import FileFormat

_FILE_NAME = re.compile(r"(?:.*/)?[^/]+\.(container|image|volume|build)(?:\.d/[^/]+\.conf)?", re.DOTALL)
"""Names of units, and of the drop-in files that modify units."""
_ENDINGS = (".container", ".image", ".volume", ".build", ".conf")


class _QuadletFormat:
    name = "quadlet"
    has_line_end_comments = False

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        return [path for path in paths.list_ending(*_ENDINGS) if _FILE_NAME.fullmatch(path)]

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        kind = _FILE_NAME.fullmatch(file.path)
        section = kind[1].capitalize() if kind is not None else ""
        if f"[{section}]".encode() not in file.content:
            return iter(())
        if section == "Build":
            from bot.formats._readers import quadlet_builds

            return quadlet_builds.read(file)
        from bot.formats._readers.quadlet import read

        return read(file, section)


FORMAT: FileFormat = _QuadletFormat()
