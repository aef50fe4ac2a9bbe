"""Read ACR tasks: the images in which their commands run, and the Dockerfiles that they build.

See https://learn.microsoft.com/en-us/azure/container-registry/container-registry-tasks-reference-yaml, and the folders
`builder/` and `graph/` of https://github.com/Azure/acr-builder.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from posixpath import join

from bot.core.references.git_context import parse_context
from bot.core.references.locking import lock_reference
from bot.core.references.tree_paths import is_remote_context, resolve_dockerfile
from bot.formats._syntax.build_options import BuildOptions, list_build_arguments, parse_build_options
from bot.formats._syntax.reference_positions import TEMPLATE_MARKS, ReferencePosition
from bot.formats._syntax.yaml.file_reader import read_file
from bot.formats._syntax.yaml.nodes import ALL_ITEMS, STRING, YamlDocument, YamlNode, YamlScalar
from bot.model.build_task import StepBuild
from bot.model.cross_file import DockerfileBuild, LiteralText, TaskFileBuild
from bot.model.extracted_item import ExtractedItem
from bot.model.source import FilePath, Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason, Role

_FORMAT = "acr-tasks"
_VERSIONS = frozenset({"1.0-preview-1", "v1.0.0", "v1.1.0"})
_STEP_KEYS = ("cmd", "build", "push")
"""The kinds of steps. Each step has exactly one of these keys."""
_TEMPLATE = re.compile(rb"\{\{-?\s*+(\.Run\b)?+[^{}\n]*+\}\}")
_RUN_VARIABLE = re.compile(r"\$Registry|\$Run_")
"""Variables that ACR sets for a run, in the form that `_fill_templates` gives them."""
_ACR_ALIASES = frozenset({"acr", "az", "bash", "buildx", "cssc", "curl", "docker"})
"""Names without a registry and a tag that ACR replaces with its own images."""
_BEFORE_FIRST_WORD = re.compile(r"""(?:[&!]\S*\s+)*(?:[|>][^\n]*\n\s*|["']?\s*)""")
"""Everything before the first word of a scalar: anchors, tags, a block header and a quote."""
_MAX_COMMAND_LENGTH = 128 * 1024
"""Limit on the characters of a command whose quotes are read. Linux starts no program with a longer argument
(MAX_ARG_STRLEN in include/uapi/linux/binfmts.h)."""
_TREE_ROOT = FilePath("")
_DOCKERFILE = "Dockerfile"


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the images of an ACR task, and a `TaskFileBuild` for each Dockerfile that the task builds.

    Yield nothing if the file is not a task.
    """
    return read_file(_fill_templates(file), lambda _: True, lambda document: _read_task(document, file))


def read_builds(content: bytes) -> tuple[StepBuild, ...] | None:
    """Return the `docker build` commands of a task file, or None if the file cannot be parsed completely.

    Unlike `read`, this function includes builds whose context is a remote repository. It does not check whether
    `content` is a task.
    """
    builds: list[StepBuild] = []

    def collect_builds(document: YamlDocument) -> tuple[()]:
        builds.extend(
            found
            for step in _list_steps(document)
            for found in map(_resolve_build, _list_build_steps(document, step))
            if found
        )
        return ()

    failures = list(read_file(_fill_templates(SourceFile(_TREE_ROOT, content)), lambda _: True, collect_builds))
    return None if failures else tuple(builds)


def _fill_templates(file: SourceFile) -> SourceFile:
    return SourceFile(file.path, _TEMPLATE.sub(_fill_template, file.content))


def _fill_template(template: re.Match[bytes]) -> bytes:
    """Return a placeholder for a template such as `{{.Run.ID}}`.

    ACR fills in templates before it parses the file as YAML, so a file with templates need not be valid YAML. The
    placeholder is as long as the template, so that the rest of the file keeps its offsets.
    """
    return (b"$Run" if template[1] else b"$").ljust(len(template[0]), b"_")


def _read_task(document: YamlDocument, file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the images in which the commands of a task run, and a `TaskFileBuild` for each Dockerfile that it builds.

    Yield nothing if `document` is not a task. Raises TooDeepError if the document's nodes are visited more than
    MAX_VISITS times.
    """
    steps = _list_steps(document)
    if not _is_task(document, steps):
        return
    commands = list(document.walk(document.root, ("steps", ALL_ITEMS, "cmd"), str(document.index)))
    aliases = document.walk(document.root, ("alias", "values"), "")
    local_names = {name for _, mapping in aliases for name in document.list_keys(mapping)} | _ACR_ALIASES
    for step in steps:
        for build in _list_build_steps(document, step):
            local_names |= {value for option, value in build.options if option in ("-t", "--tag")}
            dockerfile = _find_dockerfile(build.options, build.working_directory)
            if dockerfile is not None:
                yield TaskFileBuild(file.path, build.line_number, dockerfile)
                yield from _list_builds_with_arguments(file.path, build, dockerfile)
    # First walk the document, which finds shared scalars and the names of images that the task builds. Then read
    # commands.
    for locator, node in commands:
        if isinstance(node, YamlScalar) and node.tag == STRING and node.value.strip():
            yield from _read_command(document, file, locator, node, local_names)


@dataclass(frozen=True, slots=True)
class _BuildStep:
    """The parsed `docker build` command of one step."""

    line_number: int
    options: BuildOptions
    working_directory: str
    """The step's working directory, relative to the working directory of the task."""


def _list_steps(document: YamlDocument) -> Sequence[YamlNode]:
    return [step for _, step in document.walk(document.root, ("steps", ALL_ITEMS), "")]


def _list_build_steps(document: YamlDocument, step: YamlNode) -> Iterator[_BuildStep]:
    folder = (
        document.get_string(step, "workingDirectory") or document.get_string(document.root, "workingDirectory") or ""
    )
    for node in document.get_values(step, "build"):
        if isinstance(node, YamlScalar):
            yield _BuildStep(document.get_line_number(node), _parse_options(node.value), folder)


def _list_builds_with_arguments(path: FilePath, step: _BuildStep, dockerfile: str) -> Iterator[DockerfileBuild]:
    """Yield the builds that a step with build arguments may start: one for each folder in which the task may run.

    The task may run in the folder of its file, or in any of its parent folders.
    """
    arguments = list_build_arguments(step.options, step.line_number)
    for parents in range(path.count("/") + 1) if arguments else ():
        context = (LiteralText("../" * parents or ".", None),)
        yield DockerfileBuild(
            path, step.line_number, _FORMAT, (), context, (LiteralText(dockerfile, None),), arguments=arguments
        )


def _resolve_build(build_step: _BuildStep) -> StepBuild | None:
    """Return the build of a step, with its Dockerfile, build arguments and remote context.

    If the path of the Dockerfile contains a variable, the path in the result is None.

    Return None, instead of a build, if the Dockerfile is outside the folder of the task, or if the remote context is
    not a git repository.
    """
    option_values = {option: value for option, value in build_step.options if option in ("", "-f", "--file")}
    context, file = option_values.get("", "."), option_values.get("-f") or option_values.get("--file")
    arguments = tuple(each.name for each in list_build_arguments(build_step.options, build_step.line_number))
    if any("$" in part for part in (context, file or "", build_step.working_directory)):
        return StepBuild(None, arguments=arguments)
    if is_remote_context(context):
        return StepBuild(file or _DOCKERFILE, context, arguments) if parse_context(context) else None
    dockerfile = _find_dockerfile(build_step.options, build_step.working_directory)
    return None if dockerfile is None else StepBuild(dockerfile, arguments=arguments)


def _is_task(document: YamlDocument, steps: Sequence[YamlNode]) -> bool:
    """Return True if `document` is a task.

    The key `steps` is not enough evidence, because files of other tools have this key, too. Every step must have
    exactly one of the step keys (`cmd`, `build`, `push`). In addition, the document must state a version of the task
    format, or a step must use a variable that ACR sets for each run.
    """
    if not steps or any(len(set(_STEP_KEYS) & set(document.list_keys(step))) != 1 for step in steps):
        return False
    if document.get_string(document.root, "version") in _VERSIONS:
        return True
    texts = [document.get_string(step, kind) or "" for step in steps for kind in _STEP_KEYS]
    return any(_RUN_VARIABLE.search(text) for text in texts)


def _read_command(
    document: YamlDocument, file: SourceFile, locator: str, node: YamlScalar, local_names: Collection[str]
) -> Iterator[Reference | UnsupportedText]:
    """Yield the image in which a `cmd` step runs. The image is the first word of the command.

    Yield nothing if the first word is an option or is in `local_names`. `local_names` are the aliases of the task, such
    as `bash`, and the names of the images that the task itself builds.
    """
    word = node.value.split(maxsplit=1)[0]
    if word.startswith("-") or word in local_names:
        return
    source = document.get_source_text(node)
    first = _BEFORE_FIRST_WORD.match(source)
    word_start = first.end() if first else 0
    start = document.get_start(node) + len(source[:word_start].encode())
    position = ReferencePosition(file.path, _FORMAT, Role.BASE, document.source.get_line_number(start), locator)
    if not source.startswith(word, word_start):
        yield position.make_unsupported(word, Reason.MALFORMED)
    elif TEMPLATE_MARKS.search(word):
        written = file.content[start : start + len(word.encode())].decode(errors="replace")
        yield position.make_unsupported(written, Reason.TEMPLATED)
    else:
        found = position.read_reference(word, start)
        if isinstance(found, Reference) and document.is_shared(node):
            found = lock_reference(found, Reason.CONFLICTING_EDITS)
        yield found


def _parse_options(command: str) -> BuildOptions:
    """Return the options of a `docker build` command."""
    try:
        words = shlex.split(command) if len(command) <= _MAX_COMMAND_LENGTH else command.split()
    except ValueError:
        words = command.split()
    return tuple(parse_build_options(words))


def _find_dockerfile(options: Iterable[tuple[str, str]], folder: str) -> str | None:
    """Return the path of a build's Dockerfile, relative to the root of the task (the folder in which the task runs).

    `folder` is the working directory of the step, relative to this root. `docker build -f` resolves the path of the
    Dockerfile from this directory, not from the build context. Return None if the Dockerfile or the build context is
    outside the root.
    """
    option_values = {option: value for option, value in options if option in ("", "-f", "--file")}
    in_context = resolve_dockerfile(_TREE_ROOT, join(folder, option_values.get("", ".")), None)
    file = option_values.get("-f") or option_values.get("--file")
    return in_context if in_context is None or file is None else resolve_dockerfile(_TREE_ROOT, folder, file)
