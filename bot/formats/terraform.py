"""Terraform: the literal images in resources for Docker, Kubernetes, Cloud Run, Container Apps and ECS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.formats._syntax.encoding import is_utf_16
from bot.model.extracted_item import ExtractedItem
from bot.model.path_index import PathIndex
from bot.model.source import FilePath, SourceFile
from bot.ports import FileFormat


class _TerraformFormat:
    name = "terraform"
    has_line_end_comments = True

    def select_paths(self, paths: PathIndex) -> Iterable[FilePath]:
        return paths.list_ending(".tf", ".tofu")

    def extract(self, file: SourceFile) -> Iterator[ExtractedItem]:
        if not _is_relevant(file.content):
            return iter(())
        from bot.formats._readers.terraform import read

        return read(file)


def _is_relevant(content: bytes) -> bool:
    """Return False if parsing `content` would certainly find no image.

    The name of every resource type, block or attribute that contains images also contains the word `image`, unless
    escapes or UTF-16 hide the word.
    """
    return b"image" in content or b"\\u" in content or b"\\U" in content or is_utf_16(content)


FORMAT: FileFormat = _TerraformFormat()
