"""Read kustomizations: the images that replace images in manifests, and the files that a kustomization includes.

See https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/ for the fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from bot.core.references.locking import lock_reference
from bot.core.references.tree_paths import resolve_in_tree
from bot.formats._syntax.helm.value_images import ImageCandidate, find_images_below, read_images
from bot.formats._syntax.kubernetes.kustomize_images import ImageEntry, find_entries, read_entries
from bot.formats._syntax.kubernetes.objects import ObjectReader
from bot.formats._syntax.kubernetes.values_file_uses import list_kustomization_uses
from bot.formats._syntax.reference_positions import TEMPLATE_MARKS, ReferencePosition
from bot.formats._syntax.yaml.file_reader import read_file
from bot.formats._syntax.yaml.nodes import ALL_ITEMS, STRING, KeyPath, YamlDocument, YamlNode, YamlScalar
from bot.model.cross_file import Kustomization
from bot.model.extracted_item import ExtractedItem
from bot.model.source import FilePath, Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason, Role

_FORMAT = "kustomize"
_API_GROUP_PREFIX = "kustomize.config.k8s.io/"
"""Prefix of the apiVersion. A kustomization may omit its apiVersion. In other groups, such as Flux's, the kind
`Kustomization` has another meaning."""

_RESOURCE_PATHS: tuple[KeyPath, ...] = (
    ("resources", ALL_ITEMS),
    ("bases", ALL_ITEMS),
)
"""Fields that name the files and folders in which the kustomization replaces images."""
_PATCH_FILE_PATHS: tuple[KeyPath, ...] = (
    ("patches", ALL_ITEMS, "path"),
    ("patchesStrategicMerge", ALL_ITEMS),
    ("patchesJson6902", ALL_ITEMS, "path"),
)
"""Fields that name files with patches."""
_PATCH_TEXT_PATHS: tuple[tuple[KeyPath, KeyPath], ...] = (
    (("patches", ALL_ITEMS), ("patch",)),
    (("patchesStrategicMerge", ALL_ITEMS), ()),
    (("patchesJson6902", ALL_ITEMS), ("patch",)),
)
"""Lists of patches, and the field of each item that may contain the patch as a text. The text is a part of an object,
or a JSON patch."""
_COMPONENT_PATH: KeyPath = ("components", ALL_ITEMS)
_REMOTE = re.compile(
    r"[a-z0-9+.-]+::|[a-z0-9+.-]+://|[^/]*@|[^/]+\.(?:com|org|io|net)/|[^?]*\?(?:.*[?&])?(?:ref|version)="
)
"""Matches the beginning of a path that is not in this tree (api/internal/git/repospec.go of kustomize)."""
_USER = re.compile(r"(?<=://)[^/@]*+@|\A[^/@:]*+:[^/@]*+@")
"""A user in a URL, perhaps with a password."""
_DEFINITIONS = re.compile(r"(?:.*[/._-])?crds?(?:[/._?-].*)?", re.DOTALL)
"""Matches a path of CustomResourceDefinitions, which contain no images."""


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the images in the kustomizations of a file, and one `Kustomization` for each of them.

    A `Kustomization` lists the names of the images that are replaced, and the files in which they are replaced. Also
    yield a `ValuesFileUse` for each values file that a kustomization names.
    """
    return read_file(file, bool, lambda document: _read_kustomization(document, file.path))


def _is_kustomization(document: YamlDocument) -> bool:
    return (document.get_string(document.root, "apiVersion") or _API_GROUP_PREFIX).startswith(_API_GROUP_PREFIX)


def _read_kustomization(document: YamlDocument, path: FilePath) -> Iterator[ExtractedItem]:
    """Yield the images in a kustomization, and the facts that it states about images in other files.

    Yield nothing if the document is not a kustomization. Raises TooDeepError if the values of a chart are nested too
    deeply, or the document's nodes are visited too often.
    """
    if not _is_kustomization(document):
        return
    kustomization = _KustomizationNodes.collect(document)
    # Make the facts before the images are read, because making the facts finds the last shared scalars.
    fact = _make_fact(document, path, kustomization.entries)
    uses = list(list_kustomization_uses(document, path))
    yield from sorted(kustomization.read_images(path), key=lambda each: each.line_number)
    yield fact
    yield from uses


class InlinePatch(NamedTuple):
    """A patch that a kustomization contains as a text."""

    locator: str
    text: YamlScalar
    is_of_job: bool
    """True if the kustomization states that the patch is for a Job. A patch that is a part of an object also states its
    own kind."""


@dataclass(frozen=True, slots=True)
class _KustomizationNodes:
    """The nodes of a kustomization that contain images.

    All nodes are collected before any of them is read. A YAML alias (`*name`) may repeat the text of an image in
    another place, such as a label. Such a text must not be edited, and it is known only after all nodes have been
    collected.
    """

    document: YamlDocument
    entries: list[ImageEntry]
    values: list[ImageCandidate]
    """Images in the values of charts that the kustomization renders. The templates of these charts are unknown."""
    patches: list[InlinePatch]
    remote_manifests: list[tuple[str, YamlScalar]]
    """The URLs of manifests and components outside of the tree, which may contain or replace images."""

    @classmethod
    def collect(cls, document: YamlDocument) -> _KustomizationNodes:
        """Collect the nodes of `document` that contain images.

        Raises TooDeepError if the values of a chart are nested too deeply, or the document's nodes are visited too
        often.
        """

        def find_nodes(*key_path: str) -> list[tuple[str, YamlNode]]:
            return list(document.walk(document.root, key_path, str(document.index)))

        return cls(
            document,
            entries=[each for locator, node in find_nodes("images") for each in find_entries(document, node, locator)],
            values=[
                each
                for locator, node in find_nodes("helmCharts", ALL_ITEMS, "valuesInline")
                for each in find_images_below(document, node, locator)
            ],
            patches=[
                InlinePatch(locator, text, document.get_string(target, "kind") == "Job")
                for key_path, text_path in _PATCH_TEXT_PATHS
                for item_locator, item in find_nodes(*key_path)
                for target in [next((found for _, found in document.walk(item, ("target",), "")), None)]
                for locator, text in document.walk(item, text_path, item_locator)
                if isinstance(text, YamlScalar)
            ],
            remote_manifests=[
                (locator, node)
                for key_path in (*_RESOURCE_PATHS, _COMPONENT_PATH)
                for locator, node in find_nodes(*key_path)
                if isinstance(node, YamlScalar) and _is_remote(node.value) and not _DEFINITIONS.fullmatch(node.value)
            ],
        )

    def read_images(self, path: FilePath) -> Iterator[Reference | UnsupportedText]:
        yield from read_entries(self.entries, path, _FORMAT)
        yield from read_images(self.values, path, _FORMAT)
        objects = ObjectReader(path, _FORMAT)
        for patch in self.patches:
            for found in objects.read_embedded(self.document, patch.text, patch.locator, is_patch=True):
                if patch.is_of_job and isinstance(found, Reference):
                    yield lock_reference(found, Reason.IMMUTABLE_JOB)
                else:
                    yield found
        for locator, node in self.remote_manifests:
            line_number = self.document.get_line_number(node)
            position = ReferencePosition(path, _FORMAT, Role.THIRD_PARTY, line_number, locator)
            yield position.make_unsupported(_USER.sub("", node.value), Reason.REMOTE_MANIFESTS)


def _is_remote(text: str) -> bool:
    return _REMOTE.match(text) is not None and "\n" not in text


def _make_fact(document: YamlDocument, path: FilePath, entries: Iterable[ImageEntry]) -> Kustomization:
    changing_entries = [entry for entry in entries if entry.name and entry.replacement is not None]
    resource_paths, patch_paths = (
        tuple(dict.fromkeys(each for key_path in key_paths for each in _list_paths(document, key_path, path)))
        for key_paths in (_RESOURCE_PATHS, _PATCH_FILE_PATHS)
    )
    return Kustomization(
        path,
        names=frozenset(entry.name for entry in changing_entries),
        resource_paths=resource_paths,
        components=tuple(_list_paths(document, _COMPONENT_PATH, path)),
        patch_paths=patch_paths,
        relocated_names=frozenset(entry.name for entry in changing_entries if entry.is_relocated),
        unresolved_paths=tuple(_list_unresolved_paths(document, (*_RESOURCE_PATHS, _COMPONENT_PATH))),
        has_configurations=bool(document.get_values(document.root, "configurations")),
    )


def _list_unresolved_paths(document: YamlDocument, key_paths: Iterable[KeyPath]) -> Iterator[str]:
    """Yield the URLs and the texts with a placeholder in some fields of a kustomization."""
    for key_path in key_paths:
        for _, node in document.walk(document.root, key_path, ""):
            if isinstance(node, YamlScalar) and (_REMOTE.match(node.value) or TEMPLATE_MARKS.search(node.value)):
                yield node.value


def _list_paths(document: YamlDocument, key_path: KeyPath, path: FilePath) -> Iterator[FilePath]:
    """Yield the files and folders that a field of a kustomization names, as paths in the repository.

    `key_path` leads to the field, such as `resources`. `path` is the path of the kustomization. URLs and paths outside
    the repository are left out.
    """
    for _, node in document.walk(document.root, key_path, ""):
        if not isinstance(node, YamlScalar) or node.tag != STRING or "\n" in node.value or _REMOTE.match(node.value):
            continue
        tree_path = resolve_in_tree(path, node.value)
        if tree_path is not None:
            yield tree_path
