"""The Dockerfiles that steps of GitHub workflows build, and the build arguments that these steps set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bot.formats._syntax.yaml.key_paths import ALL_ITEMS, ALL_VALUES
from bot.formats._syntax.yaml.nodes import YamlDocument, YamlNode, YamlScalar
from bot.model.cross_file import BuildArgument, DockerfileBuild, InterpolatedText, LiteralText, VariableUse
from bot.model.source import FilePath

_STEP_PATHS = (("jobs", ALL_VALUES, "steps", ALL_ITEMS), ("runs", "steps", ALL_ITEMS))
_FILE_INPUTS = {
    # https://github.com/docker/build-push-action#inputs, and actions with the same inputs
    "docker/build-push-action": ("file",),
    "depot/build-push-action": ("file",),
    "useblacksmith/build-push-action": ("file",),
    # https://github.com/redhat-actions/buildah-build#action-inputs
    "redhat-actions/buildah-build": ("containerfiles", "dockerfiles"),
}
"""The inputs that name Dockerfiles, for each action that builds one. All of these actions read `build-args`."""
_GIT_CONTEXT = "{{defaultContext}}"
"""The checkout that BuildKit fetches itself. A folder in it follows a colon:
https://docs.docker.com/build/ci/github-actions/configure-builder/#git-context."""
_EXPRESSION = re.compile(r"\$\{\{\s*+([^}]*+)\}*+")
"""An expression such as `${{ matrix.base }}`. Its value is not known."""
_WORKFLOW_FOLDERS = 2
"""Workflows are in the folder `.github/workflows`."""


def list_builds(document: YamlDocument, path: FilePath) -> Iterator[DockerfileBuild]:
    """Yield the builds of a workflow or action, except those without build arguments whose Dockerfile is unknown.

    Raises TooDeepError if the document's nodes are visited too often.
    """
    for step_path in _STEP_PATHS:
        for _, step in document.walk(document.root, step_path, ""):
            action = (document.get_string(step, "uses") or "").partition("@")[0].lower()
            file_inputs = _FILE_INPUTS.get(action)
            for inputs in document.get_values(step, "with")[-1:] if file_inputs is not None else ():
                yield from _BuildStep(document, path, step, inputs).list_builds(file_inputs or ())


@dataclass(frozen=True, slots=True)
class _BuildStep:
    """A step that builds Dockerfiles, with its inputs."""

    document: YamlDocument
    path: FilePath
    step: YamlNode
    inputs: YamlNode

    def list_builds(self, file_inputs: tuple[str, ...]) -> Iterator[DockerfileBuild]:
        arguments = tuple(map(self._parse_argument, self._list_lines("build-args")))
        files = [each for name in file_inputs for each, _ in self._list_lines(name)]
        context = next((each for each, _ in self._list_lines("context")), "")
        subfolder = context.removeprefix(_GIT_CONTEXT).removeprefix(":") if context.startswith(_GIT_CONTEXT) else None
        for file in files or [""]:
            folder = subfolder if subfolder is not None else "" if file else context
            is_known = _EXPRESSION.search(folder + file) is None
            if arguments or (file and is_known):
                yield DockerfileBuild(
                    self.path,
                    self.document.get_line_number(self.step),
                    "github-actions",
                    context=self._build_path(folder) if is_known else _parse_text(folder),
                    dockerfile=_parse_text(file),
                    arguments=arguments,
                )

    def _build_path(self, folder: str) -> InterpolatedText:
        """Return a folder relative to the folder of the file. Steps run in the root of the repository."""
        parents = self.path.split("/")[:-1]
        count = _WORKFLOW_FOLDERS if parents[-1:] == ["workflows"] else len(parents)
        return (LiteralText("../" * count + (folder.lstrip("/") or "."), None),)

    def _list_lines(self, name: str) -> Iterator[tuple[str, int]]:
        """Yield the lines of an input, without empty lines, each with its line number in the file."""
        for node in self.document.get_values(self.inputs, name)[-1:]:
            if isinstance(node, YamlScalar):
                first = self.document.get_line_number(node)
                written = [each.strip(" \t'\"") for each in self.document.get_source_text(node).splitlines()]
                numbers = {text: first + index for index, text in reversed(list(enumerate(written)))}
                lines = (each.strip() for each in node.text.splitlines())
                yield from ((each, numbers.get(each, first)) for each in lines if each)

    def _parse_argument(self, line: tuple[str, int]) -> BuildArgument:
        """Return an argument. Without a value, it is an environment variable of the step."""
        text, line_number = line
        name, has_value, value = text.partition("=")
        return BuildArgument(name, line_number, _parse_text(value) if has_value else (VariableUse(name),))


def _parse_text(text: str) -> InterpolatedText:
    """Return a text. Expressions in it are variables that nothing sets."""
    parts = _EXPRESSION.split(text)  # texts and the contents of expressions, in turn
    return tuple(
        VariableUse(part.strip()) if index % 2 else LiteralText(part, None)
        for index, part in enumerate(parts)
        if part or index % 2
    )
