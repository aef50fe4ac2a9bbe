"""Dependabot: the image updates that `dependabot.yml` configures, which basebump leaves to Dependabot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile
from bot.ports import FileFormat

_FILES = (".github/dependabot.yaml", ".github/dependabot.yml")
"""https://docs.github.com/en/code-security/concepts/supply-chain-security/about-the-dependabot-yml-file"""


class _DependabotFormat:
    name = "dependabot"
    has_line_end_comments = True

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        return paths.list_existing(*_FILES)

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        from bot.formats._readers.dependabot import read

        return read(file)


FORMAT: FileFormat = _DependabotFormat()
