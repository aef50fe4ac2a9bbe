"""Kustomizations: the images that replace images in manifests, and the files that a kustomization includes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.core.references.relate.folders import KUSTOMIZATION_NAMES
from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile
from bot.ports import FileFormat


class _KustomizeFormat:
    name = "kustomize"
    has_line_end_comments = True

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        return paths.list_named(*KUSTOMIZATION_NAMES)

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        from bot.formats._readers.kustomize import read

        return read(file)


FORMAT: FileFormat = _KustomizeFormat()
