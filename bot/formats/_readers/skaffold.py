"""Read Skaffold files: the images that Skaffold builds from and tests with, and the names of the images that it builds.

https://skaffold.dev/docs/references/yaml/, and pkg/skaffold/schema/latest/config.go of
https://github.com/GoogleContainerTools/skaffold. A profile has the fields of the top level, or patches them.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import takewhile

from bot.formats._syntax.encoding import is_utf_16
from bot.formats._syntax.tree_paths import dockerfile_of, path_in_tree
from bot.formats._syntax.yaml.nodes import Broken, Document, Node, Scalar, TooDeepError, read_documents
from bot.formats._syntax.yaml.paths import Images, YamlPaths
from bot.formats._syntax.yaml.ways import EACH, Path
from bot.model.found import ExtractedItem
from bot.model.remark import BuildArgumentSetting, BuildOutput
from bot.model.source import FilePath, SourceFile

_FORMAT = "skaffold"
_PIPELINES: tuple[Path, ...] = ((), ("profiles", EACH))
_ARTIFACTS: Path = ("build", "artifacts", EACH)
_CLOUD_BUILD: Path = ("build", "googleCloudBuild")
_IMAGES: tuple[Path, ...] = (
    (*_ARTIFACTS, "buildpacks", "builder"),
    (*_ARTIFACTS, "buildpacks", "runImage"),
    (*_ARTIFACTS, "kaniko", "image"),
    (*_ARTIFACTS, "kaniko", "initImage"),
    (*_ARTIFACTS, "ko", "fromImage"),
    (*_ARTIFACTS, "jib", "fromImage"),
    *((*_CLOUD_BUILD, f"{tool}Image") for tool in ("docker", "kaniko", "maven", "gradle", "pack", "ko")),
    (*_CLOUD_BUILD, "platformEmulatorInstallStep", "image"),
    ("verify", EACH, "container", "image"),
    ("customActions", EACH, "containers", EACH, "image"),
)
"""Paths in a pipeline to images that Skaffold does not build."""
_BUILDERS = ("docker", "kaniko")
"""Builders that use Dockerfiles."""
_PATCHES: Path = ("profiles", EACH, "patches", EACH)
_DEPLOYED: tuple[Path, ...] = (
    ("manifests", "rawYaml", EACH),
    ("manifests", "kustomize", "paths", EACH),
    ("manifests", "helm", "releases", EACH, "chartPath"),
    ("deploy", "kubectl", "manifests", EACH),
    ("deploy", "kustomize", "paths", EACH),
    ("deploy", "helm", "releases", EACH, "chartPath"),
)
"""Paths in a pipeline to the manifests into which Skaffold writes the images that it builds."""
_REQUIRED: Path = ("requires", EACH, "path")
"""Path to other configurations, which are built and deployed together with this one."""
_WILD = frozenset("*?[{")
_API = "skaffold/"
_PATHS = YamlPaths(
    name="skaffold",
    files=re.compile(r"(?:.*/)?skaffold[^/]*\.ya?ml", re.DOTALL),
    images=tuple(Images((*pipeline, *image)) for pipeline in _PIPELINES for image in _IMAGES),
)


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the images of a file, the images that it builds, and the build arguments that it sets."""
    documents = [each for each in read_documents(file.content, lambda _: True) if _is_ours(each)]
    if not documents:
        return
    yield from _PATHS.extract(file)
    for document in documents:
        if isinstance(document, Document):
            yield from _remarks(document, file.path)


def _is_ours(document: Document | Broken) -> bool:
    if isinstance(document, Document):
        with suppress(TooDeepError):
            return (document.text(document.root, "apiVersion") or "").startswith(_API)
    return _API.encode() in document.source.raw or is_utf_16(document.source.raw)


def _remarks(document: Document, file: FilePath) -> Iterator[BuildOutput | BuildArgumentSetting]:
    """Yield the built images of a document and its build arguments; nothing if the document is nested too deeply."""
    try:
        artifacts = [artifact for pipeline in _PIPELINES for artifact in _at(document, (*pipeline, *_ARTIFACTS))]
        artifacts += _patched_artifacts(document)
        names = frozenset(name for artifact in artifacts if (name := document.text(artifact, "image")))
        arguments = [remark for artifact in artifacts for remark in _arguments_of(document, artifact, file)]
        deployed = tuple(dict.fromkeys(_deployed(document, file)))
    except TooDeepError:
        return
    yield BuildOutput(file, names, deployed)
    yield from arguments


def _at(document: Document, path: Path) -> list[Node]:
    return [node for _, node in document.walk(document.root, path, "")]


def _patched_artifacts(document: Document) -> Iterator[Node]:
    """Yield the artifacts that JSON patches of profiles add."""
    for patch in _at(document, _PATCHES):
        if (document.text(patch, "path") or "").startswith("/build/artifacts/"):
            yield from document.values(patch, "value")


def _deployed(document: Document, file: FilePath) -> Iterator[FilePath]:
    """Yield the file's own folder, where most manifests are, and the paths outside it that Skaffold deploys."""
    yield FilePath(posixpath.dirname(file))
    for path in (*((*pipeline, *path) for pipeline in _PIPELINES for path in _DEPLOYED), _REQUIRED):
        for node in _at(document, path):
            steps = node.value.split("/") if isinstance(node, Scalar) and "://" not in node.value else []
            if ".." in steps:
                named = path_in_tree(file, *takewhile(_WILD.isdisjoint, steps))
                if named is not None:
                    yield named


def _arguments_of(document: Document, artifact: Node, path: FilePath) -> Iterator[BuildArgumentSetting]:
    """Yield the build arguments of an artifact, including those that hold the images of required artifacts."""
    context = document.text(artifact, "context")
    builders = [(name, node) for name in _BUILDERS for node in document.values(artifact, name)]
    for _, builder in builders or [("", None)]:
        dockerfile = dockerfile_of(path, context, document.text(builder, "dockerfile"))
        if dockerfile is None:
            continue
        for _, node in document.walk(builder, ("buildArgs",), ""):
            for name, value in document.look(node):
                yield BuildArgumentSetting(path, document.line_number(value), dockerfile, name)
        for _, alias in document.walk(artifact, ("requires", EACH, "alias"), ""):
            if isinstance(alias, Scalar):
                yield BuildArgumentSetting(path, document.line_number(alias), dockerfile, alias.value)
