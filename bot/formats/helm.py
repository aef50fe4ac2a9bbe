"""Helm values: the images that a chart's `values.yaml`, and files like it, hand to its templates."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from bot.formats._syntax.image_maps import find_values, read_values
from bot.formats._syntax.places import shown
from bot.formats._syntax.yaml_nodes import Document, TooDeepError, read_documents
from bot.model.source import FilePath, Occurrence, SourceFile, Unsupported
from bot.model.vocabulary import Reason, Role
from bot.ports import FileFormat

_CHART = "Chart.yaml"
_VALUES = re.compile(
    r"(?P<chart>(?:.+/)?)(?:(?:ci/)?[^/]*values[^/]*|values/[^/]+)\.ya?ml", re.DOTALL | re.IGNORECASE | re.ASCII
)
"""Beside the Chart.yaml; in its `ci/`, where chart-testing has them; all of its `values/`."""

_MAY_HAVE_IMAGES = re.compile(rb"image|repository|\\[xuU\r\n\xc2\xe2]", re.IGNORECASE)
"""A word that the keys of all images have, or an escape that can write its letters."""
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class _Helm:
    name: str = "helm"
    has_line_end_comments: bool = True

    def selects(self, paths: Collection[FilePath]) -> Iterable[FilePath]:
        return [path for path in paths if (match := _VALUES.fullmatch(path)) and f"{match['chart']}Chart.yaml" in paths]

    def extract(self, file: SourceFile) -> Iterator[Occurrence | Unsupported]:
        if file.content.startswith(_UTF_16):
            yield Unsupported(file.path, 1, "", Reason.UNDECODABLE)
            return
        for document in read_documents(file.content, _may_have_images):
            match document:
                case Document():
                    yield from _read(document, file.path)
                case _:
                    yield Unsupported(file.path, document.line_number, shown(document.line.strip()), document.reason)


def _may_have_images(content: bytes) -> bool:
    return _MAY_HAVE_IMAGES.search(content) is not None


def _read(document: Document, path: FilePath) -> Iterator[Occurrence | Unsupported]:
    """Read all of a document, or, where it goes too deep, nothing of it."""
    try:
        images = list(find_values(document, document.root, str(document.index)))
    except TooDeepError:
        yield Unsupported(path, document.line_number(document.root), "", Reason.TOO_DEEP)
        return
    found = read_values(images, path, FORMAT.name, Role.THIRD_PARTY)
    yield from sorted(found, key=lambda each: each.line_number)


FORMAT: FileFormat = _Helm()
