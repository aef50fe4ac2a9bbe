"""Facts about other files in objects of Argo CD and Flux: which tool writes an image, and which images are replaced.

Argo CD Image Updater writes images of applications. Since 1.0 its own resource configures that
(https://argocd-image-updater.readthedocs.io/en/stable/configuration/applications/), and before that annotations of an
Application did; the resource can still refer to the annotations by `useAnnotations`.

Applications, and Flux's Kustomizations, have kustomize replace images in the folders that they deploy. Whether those
folders are in this repository is unknown here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from bot.formats._syntax.tree_paths import path_in_tree
from bot.formats._syntax.yaml.nodes import EACH, STRING, Document, Node, Path, Scalar
from bot.model.errors import InvalidReferenceError
from bot.model.reference import ImageReference
from bot.model.remark import ArgoApplication, ImageUpdaterConfig, Kustomization
from bot.model.source import FilePath

MAX_IMAGES = 200
"""Limit on the images of one application; most have one or two."""

_ANNOTATION = "argocd-image-updater.argoproj.io/"
_IMAGE_LIST = f"{_ANNOTATION}image-list"
_TARGET = f"{_ANNOTATION}write-back-target"
_KUSTOMIZE_NAME = ".kustomize.image-name"
"""Suffix of the annotation with the name of an image where kustomize replaces it."""
_CONSTRAINT = re.compile(r":[^/]*\Z")
"""A constraint on the tags to follow: `:1.x`, `:~1.2`."""
_TEMPLATE = ("{{", "{%", "${")
_TOP = FilePath("")
_Entry = tuple[str, bool]
"""A name that is replaced, and whether the image is renamed."""

_APPLICATIONS = {"Application": (), "ApplicationSet": ("spec", "template")}
"""By kind: the path of the Application in the object."""
_SOURCES = (("source",), ("sources", EACH), ("sourceHydrator", "drySource"))
_GROUPS = {
    "argoproj.io": _APPLICATIONS.keys(),
    "argocd-image-updater.argoproj.io": {"ImageUpdater"},
    "kustomize.toolkit.fluxcd.io": {"Kustomization"},
}


def remarks_of(
    document: Document, node: Node, group_kind: tuple[str, str], locator: str, path: FilePath
) -> Iterator[ArgoApplication | Kustomization | ImageUpdaterConfig]:
    """Yield the facts of an object about applications, writers of their images, and replaced images.

    Raises TooDeepError.
    """
    group, kind = group_kind
    if kind not in _GROUPS.get(group, ()):
        return
    if kind == "ImageUpdater":
        yield from _told_by_resource(document, node, path)
        return
    if kind == "Kustomization":
        entries = list(_entries(document, node))
        yield from _replacing(path, [_text(document, node, ("spec", "path"))], entries)
        return
    for _, application in document.walk(node, _APPLICATIONS[kind], locator):
        yield from _told_by_application(document, application, locator, path)


def _told_by_application(
    document: Document, node: Node, locator: str, path: FilePath
) -> Iterator[ArgoApplication | Kustomization | ImageUpdaterConfig]:
    name = _text(document, node, ("metadata", "name"))
    folders = {
        folder
        for source in _SOURCES
        for folder in _texts(document, node, ("spec", *source, "path"))
        if not any(mark in folder for mark in _TEMPLATE)
    }
    yield ArgoApplication(path, name, locator, tuple(sorted(folders)))
    for source in _SOURCES:
        for _, each in document.walk(node, ("spec", *source), ""):
            overrides = _texts(document, each, ("kustomize", "images", EACH))
            yield from _replacing(path, _texts(document, each, ("path",)), [_override(text) for text in overrides])
    for _, notes in document.walk(node, ("metadata", "annotations"), ""):
        told = {key: document.text(notes, key) or "" for key in document.keys(notes) if key.startswith(_ANNOTATION)}
        if told:
            listed = [entry.strip().rpartition("=")[2] for entry in told.get(_IMAGE_LIST, "").split(",")]
            listed += [text for key, text in told.items() if key.endswith(_KUSTOMIZE_NAME)]
            yield ImageUpdaterConfig(path, name, _repositories(listed), told.get(_TARGET, ""))


def _entries(document: Document, node: Node) -> Iterator[_Entry]:
    """Yield the entries of Flux's `spec.images` (https://fluxcd.io/flux/components/kustomize/kustomizations/#images)."""
    for _, entry in document.walk(node, ("spec", "images", EACH), ""):
        name, new_name = _text(document, entry, ("name",)), _text(document, entry, ("newName",))
        yield name, new_name not in {"", name}


def _override(text: str) -> _Entry:
    """Parse an image override of Argo CD, `[old=]name[:tag][@digest]`.

    https://argo-cd.readthedocs.io/en/stable/user-guide/kustomize/#specifying-kustomize-configuration
    """
    old, equals, new = text.partition("=")
    name = _CONSTRAINT.sub("", new or old).partition("@")[0]
    return (old, name != old) if equals else (name, False)


def _replacing(path: FilePath, folders: Iterable[str], entries: Sequence[_Entry]) -> Iterator[Kustomization]:
    """Yield the images replaced in folders of the repository; nothing if the folders are unknown."""
    named = [folder.removeprefix("/") for folder in folders if folder and not any(mark in folder for mark in _TEMPLATE)]
    gathered = [folder for each in named if (folder := path_in_tree(_TOP, each)) is not None]
    names = frozenset(name for name, _ in entries if name)
    if names and gathered:
        renamed = frozenset(name for name, is_renamed in entries if is_renamed)
        yield Kustomization(path, names, renamed, tuple(gathered))


def _told_by_resource(document: Document, node: Node, path: FilePath) -> Iterator[ImageUpdaterConfig]:
    target = ("writeBackConfig", "gitConfig", "writeBackTarget")
    whole = _text(document, node, ("spec", *target))
    for _, chosen in document.walk(node, ("spec", "applicationRefs", EACH), ""):
        pattern = _text(document, chosen, ("namePattern",))
        listed = [
            *_texts(document, chosen, ("images", EACH, "imageName")),
            *_texts(document, chosen, ("images", EACH, "manifestTargets", "kustomize", "name")),
        ]
        if listed:  # otherwise the annotations of the applications configure it
            yield ImageUpdaterConfig(path, pattern, _repositories(listed), _text(document, chosen, target) or whole)


def _repositories(listed: list[str]) -> frozenset[str]:
    """Return the canonical repositories of images that Image Updater lists with a constraint in place of the tag."""
    repositories = set()
    for text in listed[:MAX_IMAGES]:
        try:
            repositories.add(ImageReference.parse(_CONSTRAINT.sub("", text.strip())).repository)
        except InvalidReferenceError:
            continue
    return frozenset(repositories)


def _text(document: Document, node: Node, path: Path) -> str:
    return next(_texts(document, node, path), "")


def _texts(document: Document, node: Node, path: Path) -> Iterator[str]:
    for _, found in document.walk(node, path, ""):
        if isinstance(found, Scalar) and found.tag == STRING:
            yield found.value
