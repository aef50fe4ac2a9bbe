"""MSBuild project files: the base images of containers that the .NET SDK builds without a Dockerfile."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bot.formats._syntax.encoding import is_utf_16
from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason
from bot.ports import FileFormat

_ENDINGS = (".csproj", ".fsproj", ".vbproj", ".props", ".targets", ".pubxml")
_PROPERTY = re.compile(rb"<Container(?:BaseImage|Family)\b", re.IGNORECASE)
"""The names of MSBuild properties are case-insensitive."""


class _MsbuildFormat:
    name = "msbuild"
    has_line_end_comments = True

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        return paths.list_ending(*_ENDINGS)

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        if is_utf_16(file.content):
            has_property = _PROPERTY.search(file.content.replace(b"\0", b"")) is not None
            return iter((UnsupportedText(file.path, 1, "", Reason.UNPARSABLE),) if has_property else ())
        if _PROPERTY.search(file.content) is None:
            return iter(())
        from bot.formats._readers.msbuild import read

        return read(file)


FORMAT: FileFormat = _MsbuildFormat()
