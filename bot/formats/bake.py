"""Bake files: the images that targets use as build contexts, and the images in inline Dockerfiles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile
from bot.ports import FileFormat

_FILE_NAME = re.compile(r"(?:.*/)?docker-bake[^/]*\.(?:hcl|json)", re.DOTALL)
_KEYWORDS = (b"docker-image", b"dockerfile", b"args", b"context", b"variable")
"""A file without any of these words contains no image and nothing about the build of a Dockerfile. An exception are
files in which escapes spell some of the letters."""
_ESCAPE = re.compile(rb"\\[uU]")
"""Escapes that can represent a letter."""


class _BakeFormat:
    name = "bake"
    has_line_end_comments = True

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        return [path for path in paths.list_containing("docker-bake") if _FILE_NAME.fullmatch(path)]

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        if not _is_relevant(file.content):
            return iter(())
        from bot.formats._readers.bake import read

        return read(file)


def _is_relevant(content: bytes) -> bool:
    """Return False if parsing `content` would certainly find neither an image nor a build argument."""
    return any(word in content for word in _KEYWORDS) or _ESCAPE.search(content) is not None


FORMAT: FileFormat = _BakeFormat()
