"""Kubernetes manifests: the images of containers and image volumes in the built-in kinds that have pods."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import assert_never

from bot.formats._syntax.places import shown
from bot.formats._syntax.yaml_images import ImageReader
from bot.formats._syntax.yaml_nodes import (
    EACH,
    Broken,
    Document,
    Node,
    TooDeepError,
    read_documents,
)
from bot.model.source import FilePath, Occurrence, SourceFile, Unsupported
from bot.model.vocabulary import Reason, Role
from bot.ports import FileFormat

_Path = tuple[str, ...]

_TEMPLATED_POD: _Path = ("spec", "template", "spec")
_POD_SPECS: dict[str, _Path] = {
    "Pod": ("spec",),
    "PodTemplate": ("template", "spec"),
    "ReplicationController": _TEMPLATED_POD,
    "ReplicaSet": _TEMPLATED_POD,
    "Deployment": _TEMPLATED_POD,
    "StatefulSet": _TEMPLATED_POD,
    "DaemonSet": _TEMPLATED_POD,
    "Job": _TEMPLATED_POD,
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}
"""By kind: where its PodSpec is. https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/"""
_IMAGES: tuple[_Path, ...] = (
    ("initContainers", EACH, "image"),
    ("containers", EACH, "image"),
    ("ephemeralContainers", EACH, "image"),
    ("volumes", EACH, "image", "reference"),
)
"""Where a PodSpec names images. (`volumes[].rbd.image` is a disk of Ceph's.)"""
_BUILT_IN = re.compile(r"v1|(?:apps|batch|extensions)/v[0-9a-z]+", re.ASCII)
"""The apiVersions of those kinds, old ones too; a Deployment of another group is somebody's own resource."""
MAX_LISTS = 4
"""Lists inside lists; kubectl writes one."""

_ESCAPE = re.compile(rb"\\[xuU\r\n\xc2\xe2]")
"""The escapes of double quotes that can make a letter, or join what stands on two lines."""
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_UTF_16_WORD = b"i\0m\0a\0g\0e"
_CLAIMS = tuple(re.compile(rb"^[\"']?%b[\"']?[ \t]*:" % key, re.MULTILINE) for key in (b"apiVersion", b"kind"))
_IMAGE_LINE = re.compile(rb"^[ \t-]*[\"']?image[\"']?[ \t]*:[ \t]*([^\r\n]*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Kubernetes:
    name: str = "kubernetes"
    has_line_end_comments: bool = True

    def selects(self, paths: Collection[FilePath]) -> Iterable[FilePath]:
        return [path for path in paths if path.lower().endswith((".yaml", ".yml"))]

    def extract(self, file: SourceFile) -> Iterator[Occurrence | Unsupported]:
        if file.content.startswith(_UTF_16):
            if _UTF_16_WORD in file.content:
                yield Unsupported(file.path, 1, "", Reason.UNDECODABLE)
            return
        if not _may_name_images(file.content):
            return
        for document in read_documents(file.content, _may_name_images):
            match document:
                case Document():
                    yield from _read_document(document, file.path)
                case Broken():
                    yield from _read_broken(document, file.path)
                case _:
                    assert_never(document)


def _may_name_images(content: bytes) -> bool:
    """Say whether there may be an object with an image in these bytes; a no is certain.

    An object has the keys `apiVersion` and `kind`, and its images are under `image`. A key's letters stand in the file
    one after another, unless escapes write some of them.
    """
    if b"image" in content and b"kind" in content and b"apiVersion" in content:
        return True
    return b"\\" in content and _ESCAPE.search(content) is not None


def _read_document(document: Document, path: FilePath) -> Iterator[Occurrence | Unsupported]:
    """Read all of a document, or, where it goes too deep, nothing of it."""
    images = ImageReader(document, path, FORMAT.name, Role.THIRD_PARTY)
    try:
        nodes = list(_image_nodes(document))  # all of them, so that it is known what else shares their bytes
        found = [each for place in nodes if (each := images.read(*place)) is not None]
    except TooDeepError:
        yield Unsupported(path, document.source.line_number(document.start(document.root)), "", Reason.TOO_DEEP)
        return
    yield from sorted(found, key=lambda each: each.line_number)


def _image_nodes(document: Document) -> Iterator[tuple[str, Node]]:
    """Yield what stands where images are named, with locators. Raises TooDeepError."""
    for locator, kind, node in _objects(document, document.root, str(document.index)):
        for pod_locator, pod in document.walk(node, _POD_SPECS[kind], locator):
            for image in _IMAGES:
                yield from document.walk(pod, image, pod_locator)


def _objects(
    document: Document, node: Node, locator: str, of_list: tuple[str, str] = ("", ""), depth: int = 0
) -> Iterator[tuple[str, str, Node]]:
    """Yield locator, kind and node of every object of a kind with pods, in lists too. Raises TooDeepError.

    `of_list` is apiVersion and kind of the items of the list that `node` is in; kubectl gives it to those without kind.
    """
    version, kind = document.text(node, "apiVersion"), document.text(node, "kind")
    if not kind:
        version, kind = of_list
    if not version:
        return
    if kind in _POD_SPECS and _BUILT_IN.fullmatch(version):
        yield locator, kind, node
    elif kind.endswith("List"):
        if depth == MAX_LISTS:
            raise TooDeepError(0)
        of_items = (version, kind.removesuffix("List"))
        for item_locator, item in document.walk(node, ("items", EACH), locator):
            yield from _objects(document, item, item_locator, of_items, depth + 1)


def _read_broken(broken: Broken, path: FilePath) -> Iterator[Unsupported]:
    """Report what could not be read, where it claims to be a Kubernetes object."""
    whole = Unsupported(path, broken.line_number, shown(broken.line.strip()), broken.reason)
    if broken.reason is not Reason.UNPARSABLE:
        yield whole
        return
    source = broken.source
    if not all(claim.search(source.raw) for claim in _CLAIMS):
        return
    images = list(_IMAGE_LINE.finditer(source.raw))
    templated = [
        Unsupported(
            path,
            source.line_number(source.start + image.start(1)),
            shown(image[1].strip().decode(errors="replace")),
            Reason.TEMPLATED,
        )
        for image in images
        if b"{{" in image[1]
    ]
    found = templated if templated and len(templated) == len(images) else [*templated, whole]
    yield from sorted(found, key=lambda each: each.line_number)


FORMAT: FileFormat = _Kubernetes()
