"""Bazel: the base images that `rules_oci` and `rules_docker` pull."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile
from bot.ports import FileFormat

_FILE_NAME = re.compile(
    r"(?:.*/)?(?:(?:[^/]+\.)?MODULE\.bazel|(?:[^/]+\.)?WORKSPACE(?:\.bazel|\.bzlmod)?|[^/]+\.bzl)", re.DOTALL
)
_ENDINGS = (".bazel", ".bzl", ".bzlmod", ".WORKSPACE", "WORKSPACE")
_KEYWORDS = (b"oci_pull", b"oci:extensions.bzl", b"container_pull")
"""A file without any of these words calls neither a repository rule nor the module extension."""


class _BazelFormat:
    name = "bazel"
    has_line_end_comments = True

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        return [path for path in paths.list_ending(*_ENDINGS) if _FILE_NAME.fullmatch(path)]

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        if not any(word in file.content for word in _KEYWORDS):
            return iter(())
        from bot.formats._readers.bazel import read

        return read(file)


FORMAT: FileFormat = _BazelFormat()
