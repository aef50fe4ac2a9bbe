"""Read ACR tasks: the images that their commands run in, and the Dockerfiles that they build.

https://learn.microsoft.com/en-us/azure/container-registry/container-registry-tasks-reference-yaml, and `builder/` and
`graph/` of https://github.com/Azure/acr-builder.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from posixpath import join

from bot.core.places.closing import close
from bot.core.places.git_context import parse_context
from bot.formats._syntax.places import TEMPLATE_MARKS, Place
from bot.formats._syntax.tree_paths import dockerfile_of, is_elsewhere
from bot.formats._syntax.yaml.files import read_file
from bot.formats._syntax.yaml.nodes import EACH, STRING, Document, Node, Scalar
from bot.model.found import ExtractedItem
from bot.model.remark import TaskFileBuild
from bot.model.source import FilePath, Occurrence, SourceFile, UnsupportedText
from bot.model.task import StepBuild
from bot.model.vocabulary import Reason, Role

_FORMAT = "acr-tasks"
_VERSIONS = frozenset({"1.0-preview-1", "v1.0.0", "v1.1.0"})
_KINDS = ("cmd", "build", "push")
"""A step has exactly one of these keys."""
_TEMPLATE = re.compile(rb"\{\{-?\s*(\.Run\b)?[^{}\n]*\}\}")
_RUN = re.compile(r"\$Registry|\$Run_")
"""Variables of a run, as they appear after `_fill_templates`."""
_PROVIDED = frozenset({"acr", "az", "bash", "buildx", "cssc", "curl", "docker"})
"""Names without registry and tag for which ACR provides images of its own."""
_FIRST = re.compile(r"""(?:[&!]\S*\s+)*(?:[|>][^\n]*\n\s*|["']?\s*)""")
"""Everything before the first word of a scalar: anchors, tags, a block header, a quote."""
_SWITCHES = frozenset(
    {"--no-cache", "--pull", "--quiet", "-q", "--rm", "--force-rm", "--squash", "--compress", "--load", "--push"}
)
"""Options of `docker build` that take no value; every other option takes the next word as its value."""
_HERE = FilePath("")
_DOCKERFILE = "Dockerfile"


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the images of a task, and the Dockerfiles that it builds."""
    return read_file(_fill(file), lambda _: True, lambda document: _read(document, file))


def read_builds(content: bytes) -> tuple[StepBuild, ...] | None:
    """Return the builds of a task's steps, in this tree or another; None if the content cannot be read as a whole.

    The caller has to know that the content is a task; unlike `read`, this does not check it.
    """
    builds: list[StepBuild] = []

    def look(document: Document) -> tuple[()]:
        builds.extend(
            found for step in _steps(document) for found in map(_step_build, _builds(document, step)) if found
        )
        return ()

    unread = list(read_file(_fill(SourceFile(_HERE, content)), lambda _: True, look))
    return None if unread else tuple(builds)


def _fill(file: SourceFile) -> SourceFile:
    return SourceFile(file.path, _TEMPLATE.sub(_filled, file.content))


def _filled(template: re.Match[bytes]) -> bytes:
    """Return a placeholder of the same length for a template: templates are filled in before the file is YAML."""
    return (b"$Run" if template[1] else b"$").ljust(len(template[0]), b"_")


def _read(document: Document, file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the images and builds of a document if it is a task. Raises TooDeepError."""
    steps = _steps(document)
    if not _is_task(document, steps):
        return
    commands = list(document.walk(document.root, ("steps", EACH, "cmd"), str(document.index)))
    aliases = document.walk(document.root, ("alias", "values"), "")
    names = {name for _, mapping in aliases for name in document.keys(mapping)} | _PROVIDED
    for step in steps:
        for build in _builds(document, step):
            names |= {value for option, value in build.options if option in ("-t", "--tag")}
            dockerfile = _dockerfile(build.options, build.folder)
            if dockerfile is not None:
                yield TaskFileBuild(file.path, build.line_number, dockerfile, tuple(_arguments(build.options)))
    for locator, node in commands:  # after the walk, which finds shared scalars and the names of images built here
        if isinstance(node, Scalar) and node.tag == STRING and node.value.strip():
            yield from _read_command(document, file, locator, node, names)


@dataclass(frozen=True, slots=True)
class _Build:
    """The build of one step."""

    line_number: int
    options: tuple[tuple[str, str], ...]
    """Options and their values, in order; the build context has an empty option name."""
    folder: str
    """The step's working directory, relative to the task's."""


def _steps(document: Document) -> Sequence[Node]:
    return [step for _, step in document.walk(document.root, ("steps", EACH), "")]


def _builds(document: Document, step: Node) -> Iterator[_Build]:
    folder = document.text(step, "workingDirectory") or document.text(document.root, "workingDirectory") or ""
    for node in document.values(step, "build"):
        if isinstance(node, Scalar):
            yield _Build(document.line_number(node), tuple(_options(node.value)), folder)


def _step_build(build: _Build) -> StepBuild | None:
    """Return the build of a step; None if the Dockerfile cannot be in any repository."""
    named = {option: value for option, value in build.options if option in ("", "-f", "--file")}
    context, file = named.get("", "."), named.get("-f") or named.get("--file")
    arguments = tuple(_arguments(build.options))
    if any("$" in part for part in (context, file or "", build.folder)):
        return StepBuild(None, arguments=arguments)
    if is_elsewhere(context):
        return StepBuild(file or _DOCKERFILE, context, arguments) if parse_context(context) else None
    dockerfile = _dockerfile(build.options, build.folder)
    return None if dockerfile is None else StepBuild(dockerfile, arguments=arguments)


def _is_task(document: Document, steps: Sequence[Node]) -> bool:
    """Return True if all steps are task steps and a version or a variable shows a task; other files have steps, too."""
    if not steps or any(len(set(_KINDS) & set(document.keys(step))) != 1 for step in steps):
        return False
    if document.text(document.root, "version") in _VERSIONS:
        return True
    texts = [document.text(step, kind) or "" for step in steps for kind in _KINDS]
    return any(_RUN.search(text) for text in texts)


def _read_command(
    document: Document, file: SourceFile, locator: str, node: Scalar, names: Collection[str]
) -> Iterator[Occurrence | UnsupportedText]:
    """Yield the image that a command runs in: its first word, unless that is an option or one of `local_names`."""
    word = node.value.split(maxsplit=1)[0]
    if word.startswith("-") or word in names:
        return
    source = document.source_of(node)
    first = _FIRST.match(source)
    at = first.end() if first else 0
    start = document.start(node) + len(source[:at].encode())
    place = Place(file.path, _FORMAT, Role.BASE, document.source.line_number(start), locator)
    if not source.startswith(word, at):
        yield place.unsupported(word, Reason.MALFORMED)
    elif TEMPLATE_MARKS.search(word):
        written = file.content[start : start + len(word.encode())].decode(errors="replace")
        yield place.unsupported(written, Reason.TEMPLATED)
    else:
        found = place.read(word, start)
        if isinstance(found, Occurrence) and document.is_shared(node):
            found = close(found, Reason.CONFLICTING_EDITS)
        yield found


def _options(command: str) -> Iterator[tuple[str, str]]:
    """Yield the options of a `docker build` command with their values; the context has an empty option name."""
    try:
        words = iter(shlex.split(command))
    except ValueError:
        words = iter(command.split())
    for word in words:
        option, equals, value = word.partition("=")
        if not word.startswith("-"):
            yield "", word
        elif equals:
            yield option, value
        elif word not in _SWITCHES:
            yield word, next(words, "")


def _dockerfile(options: Iterable[tuple[str, str]], folder: str) -> str | None:
    """Return the Dockerfile of a build, relative to the folder that the task runs in; None if it is not in that tree.

    Unlike compose, docker resolves the path of a Dockerfile from the folder where docker runs, not from the context.
    """
    named = {option: value for option, value in options if option in ("", "-f", "--file")}
    in_context = dockerfile_of(_HERE, join(folder, named.get("", ".")), None)
    file = named.get("-f") or named.get("--file")
    return in_context if in_context is None or file is None else dockerfile_of(_HERE, folder, file)


def _arguments(options: Iterable[tuple[str, str]]) -> Iterator[str]:
    return (value.partition("=")[0] for option, value in options if option == "--build-arg")
