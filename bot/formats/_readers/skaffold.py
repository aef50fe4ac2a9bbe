"""Read Skaffold files: the images that Skaffold uses, and the names of the images that it builds.

See https://skaffold.dev/docs/references/yaml/, and pkg/skaffold/schema/latest/config.go of
https://github.com/GoogleContainerTools/skaffold. A profile contains the same fields as the top level, or JSON patches
that change these fields.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import takewhile

from bot.core.references.tree_paths import resolve_in_tree
from bot.formats._syntax.encoding import is_utf_16
from bot.formats._syntax.reference_positions import TEMPLATE_MARKS
from bot.formats._syntax.yaml.key_paths import ALL_ITEMS, KeyPath
from bot.formats._syntax.yaml.nodes import (
    BrokenSection,
    TooDeepError,
    YamlDocument,
    YamlNode,
    YamlScalar,
    read_documents,
)
from bot.formats._syntax.yaml.path_formats import ImageLocation, YamlPathFormat
from bot.model.cross_file import (
    BuildArgument,
    BuildOutput,
    DockerfileBuild,
    InterpolatedText,
    LiteralText,
    VariableUse,
)
from bot.model.extracted_item import ExtractedItem
from bot.model.source import FilePath, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason

_FORMAT = "skaffold"
_PIPELINE_PATHS: tuple[KeyPath, ...] = ((), ("profiles", ALL_ITEMS))
_ARTIFACT_PATH: KeyPath = ("build", "artifacts", ALL_ITEMS)
_CLOUD_BUILD_PATH: KeyPath = ("build", "googleCloudBuild")
_IMAGE_PATHS: tuple[KeyPath, ...] = (
    (*_ARTIFACT_PATH, "buildpacks", "builder"),
    (*_ARTIFACT_PATH, "buildpacks", "runImage"),
    (*_ARTIFACT_PATH, "kaniko", "image"),
    (*_ARTIFACT_PATH, "kaniko", "initImage"),
    (*_ARTIFACT_PATH, "ko", "fromImage"),
    (*_ARTIFACT_PATH, "jib", "fromImage"),
    *((*_CLOUD_BUILD_PATH, f"{tool}Image") for tool in ("docker", "kaniko", "maven", "gradle", "pack", "ko")),
    (*_CLOUD_BUILD_PATH, "platformEmulatorInstallStep", "image"),
    ("verify", ALL_ITEMS, "container", "image"),
    ("customActions", ALL_ITEMS, "containers", ALL_ITEMS, "image"),
)
"""Paths in a pipeline to images that Skaffold uses but does not build."""
_BUILDERS = ("docker", "kaniko")
"""The builders that use Dockerfiles."""
_ARTIFACT_DEPTH = 3
"""The number of slashes in the JSON pointer to an artifact, such as `/build/artifacts/0`."""
_PATCH_PATH: KeyPath = ("profiles", ALL_ITEMS, "patches", ALL_ITEMS)
_MANIFEST_PATHS: tuple[KeyPath, ...] = (
    ("manifests", "rawYaml", ALL_ITEMS),
    ("manifests", "kustomize", "paths", ALL_ITEMS),
    ("manifests", "helm", "releases", ALL_ITEMS, "chartPath"),
    ("deploy", "kubectl", "manifests", ALL_ITEMS),
    ("deploy", "kustomize", "paths", ALL_ITEMS),
    ("deploy", "helm", "releases", ALL_ITEMS, "chartPath"),
)
"""Paths in a pipeline to the manifests in which Skaffold replaces the names of the images that it builds."""
_REQUIRED_PATH: KeyPath = ("requires", ALL_ITEMS, "path")
"""Path to other Skaffold files, which are built and deployed together with this file."""
_WILDCARDS = frozenset("*?[{")
_API_GROUP_PREFIX = "skaffold/"
_IMAGE_FORMAT = YamlPathFormat(
    name="skaffold",
    path_pattern=re.compile(r"(?:.*/)?skaffold[^/]*\.ya?ml", re.DOTALL),
    path_words=("skaffold",),
    locations=tuple(ImageLocation((*pipeline, *image)) for pipeline in _PIPELINE_PATHS for image in _IMAGE_PATHS),
)


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the images in a file, the names of the images that it builds, and the build arguments that it sets."""
    documents = [each for each in read_documents(file.content, lambda _: True) if _is_skaffold(each)]
    if not documents:
        return
    yield from _IMAGE_FORMAT.extract(file)
    for document in documents:
        if isinstance(document, YamlDocument):
            yield from _list_facts(document, file.path)


def _is_skaffold(document: YamlDocument | BrokenSection) -> bool:
    if isinstance(document, YamlDocument):
        with suppress(TooDeepError):
            return (document.get_string(document.root, "apiVersion") or "").startswith(_API_GROUP_PREFIX)
    return _API_GROUP_PREFIX.encode() in document.source.raw or is_utf_16(document.source.raw)


def _list_facts(document: YamlDocument, file: FilePath) -> Iterator[BuildOutput | DockerfileBuild | UnsupportedText]:
    """Yield a `BuildOutput` with the names of the images that a document builds, and the builds of Dockerfiles.

    Yield nothing if the document is nested too deeply.
    """
    try:
        artifacts = [
            artifact for pipeline in _PIPELINE_PATHS for artifact in _find_nodes(document, (*pipeline, *_ARTIFACT_PATH))
        ]
        artifacts += _find_patched_artifacts(document)
        names = frozenset(name for artifact in artifacts if (name := document.get_string(artifact, "image")))
        builds = [build for artifact in artifacts for build in _list_builds(document, artifact, file)]
        patched = list(_list_patched_builders(document, file))
        deployed_paths = tuple(dict.fromkeys(_list_deployed_paths(document, file)))
    except TooDeepError:
        return
    yield BuildOutput(file, names, deployed_paths)
    yield from patched
    yield from builds


def _find_nodes(document: YamlDocument, path: KeyPath) -> list[YamlNode]:
    return [node for _, node in document.walk(document.root, path, "")]


def _find_patched_artifacts(document: YamlDocument) -> Iterator[YamlNode]:
    """Yield the build artifacts that profiles add or change by JSON patches (`path: /build/artifacts/…`)."""
    for patch in _find_nodes(document, _PATCH_PATH):
        if (document.get_string(patch, "path") or "").startswith("/build/artifacts/"):
            yield from document.get_values(patch, "value")


def _list_patched_builders(document: YamlDocument, file: FilePath) -> Iterator[UnsupportedText]:
    """Yield the patches of profiles that change single fields inside an artifact, which basebump does not apply."""
    for patch in _find_nodes(document, _PATCH_PATH):
        path = document.get_string(patch, "path") or ""
        if path.startswith("/build/artifacts/") and path.count("/") > _ARTIFACT_DEPTH:
            yield UnsupportedText(file, document.get_line_number(patch), path, Reason.UNRESOLVED_ARGUMENT)


def _list_deployed_paths(document: YamlDocument, file: FilePath) -> Iterator[FilePath]:
    """Yield the paths from which Skaffold may deploy manifests: the folder of `file`, and paths outside this folder.

    Only paths that contain `..`, such as `../k8s/*.yaml`, can lead out of the folder. Other paths in the document are
    not yielded, because the folder includes them.
    """
    yield FilePath(posixpath.dirname(file))
    for path in (*((*pipeline, *path) for pipeline in _PIPELINE_PATHS for path in _MANIFEST_PATHS), _REQUIRED_PATH):
        for node in _find_nodes(document, path):
            steps = node.value.split("/") if isinstance(node, YamlScalar) and "://" not in node.value else []
            if ".." in steps:
                tree_path = resolve_in_tree(file, *takewhile(_WILDCARDS.isdisjoint, steps))
                if tree_path is not None:
                    yield tree_path


def _list_builds(document: YamlDocument, artifact: YamlNode, path: FilePath) -> Iterator[DockerfileBuild]:
    """Yield the builds of an artifact.

    If an artifact A requires an artifact B, Skaffold passes the image of B as a build argument to the build of A. The
    name of this argument is the `alias` of B in `requires`.
    """
    context = document.get_string(artifact, "context")
    builders = [(name, node) for name in _BUILDERS for node in document.get_values(artifact, name)]
    for _, builder in builders or [("", None)]:
        dockerfiles = document.get_values(builder, "dockerfile")
        arguments = [
            BuildArgument(name, document.get_line_number(value), _parse_value(value))
            for _, node in document.walk(builder, ("buildArgs",), "")
            for name, value in document.get_entries(node).items()
        ]
        arguments += [
            BuildArgument(alias.value, document.get_line_number(alias), None)
            for _, alias in document.walk(artifact, ("requires", ALL_ITEMS, "alias"), "")
            if isinstance(alias, YamlScalar)
        ]
        yield DockerfileBuild(
            path,
            document.get_line_number(dockerfiles[-1] if dockerfiles else artifact),
            _FORMAT,
            context=(LiteralText(context, None),) if context else (),
            dockerfile=_parse_value(dockerfiles[-1]) if dockerfiles else (),
            arguments=tuple(arguments),
        )


def _parse_value(node: YamlNode) -> InterpolatedText:
    """Return the text of a node. If Skaffold computes it from a template, it is a variable that nothing sets."""
    if not isinstance(node, YamlScalar):
        return ()
    return (VariableUse(node.text),) if TEMPLATE_MARKS.search(node.text) else (LiteralText(node.text, None),)
