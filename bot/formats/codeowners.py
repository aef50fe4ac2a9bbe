"""CODEOWNERS: the people and teams that own the files of a repository."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile
from bot.ports import FileFormat

_FILES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
"""The files in which the forges search for owners. Only the first file that exists counts. GitHub searches in this
order. GitLab looks in the root of the repository first
(https://docs.gitlab.com/user/project/codeowners/#set-up-code-owners), but repositories have one such file."""


class _CodeOwnersFormat:
    name = "codeowners"
    has_line_end_comments = False

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        return paths.list_existing(*_FILES)[:1]

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        from bot.formats._readers.codeowners import read

        return read(file)


FORMAT: FileFormat = _CodeOwnersFormat()
