"""Jib: the base images in the configuration of its plugins for Maven and Gradle."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bot.formats._syntax.encoding import is_utf_16
from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason
from bot.ports import FileFormat

_FILE_NAME = re.compile(r"(?:.*/)?(?:pom\.xml|[^/]+\.gradle(?:\.kts)?)", re.DOTALL)
_PLUGIN = re.compile(rb"(?i:jib)")


class _JibFormat:
    name = "jib"
    has_line_end_comments = True

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        return [path for path in paths.list_ending(".xml", ".gradle", ".kts") if _FILE_NAME.fullmatch(path)]

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        if is_utf_16(file.content):
            has_plugin = _PLUGIN.search(file.content.replace(b"\0", b"")) is not None
            return iter((UnsupportedText(file.path, 1, "", Reason.UNPARSABLE),) if has_plugin else ())
        if _PLUGIN.search(file.content) is None:
            return iter(())
        from bot.formats._readers.jib import read

        return read(file)


FORMAT: FileFormat = _JibFormat()
