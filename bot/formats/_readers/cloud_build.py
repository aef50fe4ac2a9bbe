"""The Dockerfiles that steps of Google Cloud Build build with build arguments."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import join, normpath

from bot.formats._syntax.build_options import list_build_arguments, parse_build_options, parse_option_text
from bot.formats._syntax.yaml.key_paths import ALL_ITEMS
from bot.formats._syntax.yaml.nodes import YamlDocument, YamlNode, YamlScalar
from bot.model.cross_file import DockerfileBuild
from bot.model.source import FilePath

_FILE_OPTIONS = ("-f", "--file", "--dockerfile")
"""The options of docker and of kaniko that name the Dockerfile."""
_CONTEXT_OPTIONS = ("", "-c", "--context")
_FOLDER_SCHEME = "dir://"
"""The prefix of a folder in kaniko's `--context`."""
_WORKSPACE = "/workspace"
"""The folder with the sources: https://docs.cloud.google.com/build/docs/build-config-file-schema#dir."""


def list_builds(document: YamlDocument, path: FilePath) -> Iterator[DockerfileBuild]:
    """Yield the builds of steps that set build arguments.

    Paths begin at the root of the tree, which is the usual source of a build. Raises TooDeepError if the document's
    nodes are visited too often.
    """
    for _, step in document.walk(document.root, ("steps", ALL_ITEMS), ""):
        words = [
            each.value
            for node in document.get_values(step, "args")[-1:]
            for _, each in document.walk(node, (ALL_ITEMS,), "")
            if isinstance(each, YamlScalar)
        ]
        yield from _build_step(document, path, step, words)


def _build_step(document: YamlDocument, path: FilePath, step: YamlNode, words: list[str]) -> Iterator[DockerfileBuild]:
    line_number = document.get_line_number(step)
    options = tuple(parse_build_options(words))
    arguments = list_build_arguments(options, line_number)
    if not arguments:
        return
    file = next((value for option, value in options if option in _FILE_OPTIONS), "")
    context = next((value for option, value in reversed(options) if option in _CONTEXT_OPTIONS), ".")
    folder = document.get_string(step, "dir") or ""
    place = _locate(folder, file) if file else _locate(folder, context.removeprefix(_FOLDER_SCHEME))
    yield DockerfileBuild(
        path,
        line_number,
        "cloud-build",
        context=parse_option_text("../" * path.count("/") + (place if not file else ".")),
        dockerfile=parse_option_text(place) if file else (),
        arguments=arguments,
    )


def _locate(folder: str, path: str) -> str:
    """Return a path relative to the sources. `folder` is the step's working folder."""
    return normpath(join(_WORKSPACE, folder, path)).removeprefix(_WORKSPACE).lstrip("/") or "."
