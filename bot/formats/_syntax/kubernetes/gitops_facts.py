"""Find out which images in other files are replaced or updated because of objects of Argo CD and Flux.

These objects also name values files of charts (see `values_file_uses`), and set variables of manifests.

Argo CD Image Updater writes the images of Argo CD Applications. Since version 1.0, a resource `ImageUpdater` configures
it (https://argocd-image-updater.readthedocs.io/en/stable/configuration/applications/). Before that, annotations of each
Application configured it, and with `useAnnotations`, an `ImageUpdater` still refers to these annotations.

Applications of Argo CD and Kustomizations of Flux let kustomize replace images in the folders that they deploy. This
module does not determine whether these folders are in this repository.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from bot.formats._syntax.kubernetes.object_texts import find_texts, has_template, resolve_from_root
from bot.formats._syntax.kubernetes.values_file_uses import list_application_uses, list_release_uses
from bot.formats._syntax.yaml.nodes import ALL_ITEMS, STRING, KeyPath, YamlDocument, YamlNode, YamlScalar
from bot.model.chart_facts import ValuesFileUse
from bot.model.cross_file import (
    ArgoApplication,
    EnvironmentVariable,
    FluxSubstitution,
    ImageUpdaterConfig,
    Kustomization,
    LiteralText,
)
from bot.model.errors import InvalidReferenceError
from bot.model.image_name import ImageName
from bot.model.source import FilePath, Span

MAX_IMAGES = 200
"""Limit on the images of one application. Most applications have one or two."""

_ANNOTATION = "argocd-image-updater.argoproj.io/"
_IMAGE_LIST = f"{_ANNOTATION}image-list"
_TARGET = f"{_ANNOTATION}write-back-target"
_KUSTOMIZE_NAME = ".kustomize.image-name"
"""Suffix of the annotation with the name under which kustomize replaces the image."""
_CONSTRAINT = re.compile(r":[^/]*\Z")
"""A constraint on the tags to track: `:1.x`, `:~1.2`."""
_NameEntry = tuple[str, bool]
"""The name of an image that kustomize replaces, and a flag. It is True if the replacement has another name, and keeps
the tag and the digest of the image."""

_APPLICATIONS = {"Application": (), "ApplicationSet": ("spec", "template")}
"""The path of the Application in an object, by the kind of the object."""
_SOURCES = (("source",), ("sources", ALL_ITEMS), ("sourceHydrator", "drySource"))
_KINDS_BY_GROUP = {
    "argoproj.io": _APPLICATIONS.keys(),
    "argocd-image-updater.argoproj.io": {"ImageUpdater"},
    "kustomize.toolkit.fluxcd.io": {"Kustomization"},
    "helm.toolkit.fluxcd.io": {"HelmRelease"},
}


def list_facts(
    document: YamlDocument, node: YamlNode, group_kind: tuple[str, str], locator: str, path: FilePath
) -> Iterator[ArgoApplication | FluxSubstitution | Kustomization | ImageUpdaterConfig | ValuesFileUse]:
    """Yield facts that an object of Argo CD or Flux states about images in other files.

    Raises TooDeepError if the document's nodes are visited more than MAX_VISITS times.

    - An `ArgoApplication` contains the folders that an Application of Argo CD deploys.
    - An `ImageUpdaterConfig` contains the images that Argo CD Image Updater updates.
    - A `Kustomization` contains the names of images that kustomize replaces, and the folders in which it replaces them.
    - A `FluxSubstitution` contains the variables that a Kustomization of Flux sets, and the folders that it deploys.
    - A `ValuesFileUse` names a values file that an Application or a HelmRelease passes to a chart.

    Yield nothing for an object of another kind. `group_kind` is the API group and the kind of the object.
    """
    group, kind = group_kind
    if kind not in _KINDS_BY_GROUP.get(group, ()):
        return
    if kind == "ImageUpdater":
        yield from _list_updater_facts(document, node, path)
        return
    if kind == "HelmRelease":
        yield from list_release_uses(document, node, path)
        return
    if kind == "Kustomization":
        entries = list(_list_replaced_names(document, node))
        yield from _list_replacements(path, [_find_text(document, node, ("spec", "path"))], entries)
        yield from _list_substitutions(document, node, locator, path)
        return
    for _, application in document.walk(node, _APPLICATIONS[kind], locator):
        yield from _list_application_facts(document, application, locator, path)


def _list_application_facts(
    document: YamlDocument, node: YamlNode, locator: str, path: FilePath
) -> Iterator[ArgoApplication | Kustomization | ImageUpdaterConfig | ValuesFileUse]:
    name = _find_text(document, node, ("metadata", "name"))
    folders = {
        folder
        for source in _SOURCES
        for folder in find_texts(document, node, ("spec", *source, "path"))
        if not has_template(folder)
    }
    yield ArgoApplication(path, name, locator, tuple(sorted(folders)))
    sources = [each for source in _SOURCES for _, each in document.walk(node, ("spec", *source), "")]
    yield from list_application_uses(document, sources, path)
    for source in _SOURCES:
        for _, source_node in document.walk(node, ("spec", *source), ""):
            overrides = find_texts(document, source_node, ("kustomize", "images", ALL_ITEMS))
            yield from _list_replacements(
                path, find_texts(document, source_node, ("path",)), [_parse_override(text) for text in overrides]
            )
    for _, annotation_mapping in document.walk(node, ("metadata", "annotations"), ""):
        updater_annotations = {
            key: document.get_string(annotation_mapping, key) or ""
            for key in document.list_keys(annotation_mapping)
            if key.startswith(_ANNOTATION)
        }
        if updater_annotations:
            image_texts = [
                entry.strip().rpartition("=")[2] for entry in updater_annotations.get(_IMAGE_LIST, "").split(",")
            ]
            image_texts += [text for key, text in updater_annotations.items() if key.endswith(_KUSTOMIZE_NAME)]
            yield ImageUpdaterConfig(path, name, _parse_repositories(image_texts), updater_annotations.get(_TARGET, ""))


def _list_replaced_names(document: YamlDocument, node: YamlNode) -> Iterator[_NameEntry]:
    """Yield an entry for each item in the `spec.images` of a Kustomization of Flux.

    See https://fluxcd.io/flux/components/kustomize/kustomizations/#images.
    """
    for _, entry in document.walk(node, ("spec", "images", ALL_ITEMS), ""):
        name, new_name = _find_text(document, entry, ("name",)), _find_text(document, entry, ("newName",))
        is_renamed = new_name not in {"", name}
        has_version = any(document.get_values(entry, key) for key in ("newTag", "digest"))
        yield name, is_renamed and not has_version


def _list_substitutions(
    document: YamlDocument, node: YamlNode, locator: str, path: FilePath
) -> Iterator[FluxSubstitution]:
    """Yield the variables that a Kustomization of Flux sets for the manifests in its folder.

    Values with templates are left out. So are values whose bytes differ from their text, or that an alias repeats.
    """
    folder = resolve_from_root(_find_text(document, node, ("spec", "path")))
    for at, mapping in document.walk(node, ("spec", "postBuild", "substitute"), locator) if folder is not None else ():
        variables = [
            EnvironmentVariable(
                path, document.get_line_number(value), name, (LiteralText(value.value, Span(start, start + length)),)
            )
            for name, value in document.get_entries(mapping).items()
            if isinstance(value, YamlScalar) and value.tag == STRING and not has_template(value.value)
            for start in [document.find_literal_start(value)]
            for length in [len(value.value.encode())]
            if start is not None and not document.anchored_positions.get(id(value.event))
        ]
        if variables and folder is not None:
            yield FluxSubstitution(path, document.get_line_number(mapping), at, (folder,), tuple(variables))


def _parse_override(text: str) -> _NameEntry:
    """Return the entry for an image override of Argo CD, such as `nginx=mirror.example/nginx:1.27`.

    The name of the image that is replaced is `nginx` in this example. The form of an override is
    `[old=]name[:tag][@digest]`. See
    https://argo-cd.readthedocs.io/en/stable/user-guide/kustomize/#specifying-kustomize-configuration.
    """
    old, equals, new = text.partition("=")
    name = _CONSTRAINT.sub("", new or old).partition("@")[0]
    return (old, name not in {old, ""} and name == new) if equals else (name, False)


def _list_replacements(
    path: FilePath, folders: Iterable[str], entries: Sequence[_NameEntry]
) -> Iterator[Kustomization]:
    """Yield one `Kustomization` with the images in `entries`, which kustomize replaces in `folders`.

    Kustomize also replaces the images in the patches of the object, so the file with this `path` counts as a patch.
    Folders outside the repository are left out, and so are folders whose path contains a template. Yield nothing if no
    folder remains, or if `entries` contains no name.
    """
    tree_paths = [found for folder in folders if folder and (found := resolve_from_root(folder)) is not None]
    names = frozenset(name for name, _ in entries if name)
    if names and tree_paths:
        relocated = frozenset(name for name, is_relocated in entries if name and is_relocated)
        yield Kustomization(path, names, tuple(tree_paths), patch_paths=(path,), relocated_names=relocated)


def _list_updater_facts(document: YamlDocument, node: YamlNode, path: FilePath) -> Iterator[ImageUpdaterConfig]:
    target = ("writeBackConfig", "gitConfig", "writeBackTarget")
    default_target = _find_text(document, node, ("spec", *target))
    for _, application in document.walk(node, ("spec", "applicationRefs", ALL_ITEMS), ""):
        pattern = _find_text(document, application, ("namePattern",))
        image_texts = [
            *find_texts(document, application, ("images", ALL_ITEMS, "imageName")),
            *find_texts(document, application, ("images", ALL_ITEMS, "manifestTargets", "kustomize", "name")),
        ]
        if image_texts:  # without images, the annotations of the applications are used
            yield ImageUpdaterConfig(
                path,
                pattern,
                _parse_repositories(image_texts),
                _find_text(document, application, target) or default_target,
            )


def _parse_repositories(image_texts: list[str]) -> frozenset[str]:
    """Return the canonical repositories of the images that Image Updater tracks.

    Each text is an image, possibly with a version constraint in place of the tag: `ghcr.io/org/app:~1.2`. Texts that
    are not valid image references are left out.
    """
    repositories = set()
    for text in image_texts[:MAX_IMAGES]:
        try:
            repositories.add(ImageName.parse(_CONSTRAINT.sub("", text.strip())).repository)
        except InvalidReferenceError:
            continue
    return frozenset(repositories)


def _find_text(document: YamlDocument, node: YamlNode, path: KeyPath) -> str:
    return next(find_texts(document, node, path), "")
