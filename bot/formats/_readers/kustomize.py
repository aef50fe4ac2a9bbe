"""Read kustomizations: the images that replace those of manifests, and the files that are gathered.

https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/ has the fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bot.formats._syntax.helm.values import ValueImage, find_values, read_values
from bot.formats._syntax.kubernetes.kustomize_images import ImageEntry, find_entries, read_entries
from bot.formats._syntax.kubernetes.objects import ObjectReader
from bot.formats._syntax.tree_paths import path_in_tree
from bot.formats._syntax.yaml.files import read_file
from bot.formats._syntax.yaml.nodes import EACH, STRING, Document, Node, Path, Scalar
from bot.model.found import ExtractedItem
from bot.model.remark import Kustomization
from bot.model.source import FilePath, Occurrence, SourceFile, UnsupportedText

_FORMAT = "kustomize"
_GROUP = "kustomize.config.k8s.io/"
"""Prefix of the apiVersion, which may be left out; other groups have kinds of the same name (Flux)."""

_GATHERED: tuple[Path, ...] = (
    ("resources", EACH),
    ("bases", EACH),
    ("patches", EACH, "path"),
    ("patchesStrategicMerge", EACH),
    ("patchesJson6902", EACH, "path"),
)
"""Fields that name files and folders whose images the kustomization replaces."""
_PATCHES: tuple[Path, ...] = (("patches", EACH, "patch"), ("patchesStrategicMerge", EACH))
"""Fields that may hold parts of manifests as texts."""
_COMPONENTS: Path = ("components", EACH)
_REMOTE = re.compile(r"[a-z0-9+.-]+::|[a-z0-9+.-]+://|[^/]*@|[^/]+\.(?:com|org|io|net)/|.*\?(?:.*&)?(?:ref|version)=")
"""Beginnings of paths that are not in this tree (api/internal/git/repospec.go of kustomize)."""


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the images of the kustomizations in a file, and the facts about the images that they replace."""
    return read_file(file, bool, lambda document: _read(document, file.path))


def _is_kustomization(document: Document) -> bool:
    return (document.text(document.root, "apiVersion") or _GROUP).startswith(_GROUP)


def _read(document: Document, path: FilePath) -> Iterator[ExtractedItem]:
    """Yield the images of a kustomization, and the fact about the images that it replaces. Raises TooDeepError."""
    if not _is_kustomization(document):
        return
    kustomization = _Kustomization.of(document)
    remark = _remark(document, path, kustomization.entries)  # before reading: this walk completes the shared scalars
    yield from sorted(kustomization.read(path), key=lambda each: each.line_number)
    yield remark


@dataclass(frozen=True, slots=True)
class _Kustomization:
    """The nodes of a kustomization that name images, collected before its document has been walked to the end."""

    document: Document
    entries: list[ImageEntry]
    values: list[ValueImage]
    """Values of the charts that it renders; the templates of these charts are unknown."""
    patches: list[tuple[str, Scalar]]

    @classmethod
    def of(cls, document: Document) -> _Kustomization:
        """Collect the nodes. Raises TooDeepError."""

        def at(*way: str) -> list[tuple[str, Node]]:
            return list(document.walk(document.root, way, str(document.index)))

        return cls(
            document,
            entries=[each for locator, node in at("images") for each in find_entries(document, node, locator)],
            values=[
                each
                for locator, node in at("helmCharts", EACH, "valuesInline")
                for each in find_values(document, node, locator)
            ],
            patches=[(locator, node) for way in _PATCHES for locator, node in at(*way) if isinstance(node, Scalar)],
        )

    def read(self, path: FilePath) -> Iterator[Occurrence | UnsupportedText]:
        yield from read_entries(self.entries, path, _FORMAT)
        yield from read_values(self.values, path, _FORMAT)
        objects = ObjectReader(path, _FORMAT)
        for locator, patch in self.patches:
            yield from objects.read_embedded(self.document, patch, locator)


def _remark(document: Document, path: FilePath, entries: Iterable[ImageEntry]) -> Kustomization:
    changing = [entry for entry in entries if entry.name and entry.image is not None]
    gathered = dict.fromkeys(each for way in _GATHERED for each in _paths(document, way, path))
    return Kustomization(
        path,
        names=frozenset(entry.name for entry in changing),
        renamed_names=frozenset(entry.name for entry in changing if entry.is_renamed),
        resource_paths=tuple(gathered),
        components=tuple(_paths(document, _COMPONENTS, path)),
    )


def _paths(document: Document, way: Path, path: FilePath) -> Iterator[FilePath]:
    """Yield the files and folders of this tree that a field names; remote ones are left out."""
    for _, node in document.walk(document.root, way, ""):
        if not isinstance(node, Scalar) or node.tag != STRING or "\n" in node.value or _REMOTE.match(node.value):
            continue
        named = path_in_tree(path, node.value)
        if named is not None:
            yield named
