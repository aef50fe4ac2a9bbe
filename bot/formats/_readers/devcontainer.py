"""Read development containers: the image in a `devcontainer.json`, and the build arguments and contexts that it sets.

The entries of `features` look like images, but are OCI artifacts that are pinned in a lock file. These entries are not
read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from bot.core.references.tree_paths import resolve_dockerfile
from bot.formats._syntax.broken import BrokenFile
from bot.formats._syntax.jsonc import JsonArray, JsonFile, JsonObject, JsonString, JsonValue, JsonWord, read_json
from bot.formats._syntax.reference_positions import TEMPLATE_MARKS, ReferencePosition, UniqueLocators
from bot.model.cross_file import (
    BuildArgument,
    DockerfileBuild,
    InterpolatedText,
    LiteralText,
    NamedBuildContext,
    NamedFileUse,
    VariableUse,
)
from bot.model.extracted_item import ExtractedItem
from bot.model.source import FilePath, Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason, Role

_FORMAT = "devcontainer"
_CONTEXT_OPTION = "--build-context"


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the image in a file, and the build arguments and named build contexts that the file sets."""
    match read_json(file.content):
        case JsonFile(root=JsonObject() as root) as json:
            yield from _read_images(json, root, file.path)
            yield from _list_build_facts(json, root, file.path)
            yield from _list_compose_files(json, root, file.path)
        case JsonFile():
            return
        case BrokenFile() as broken:
            yield broken.make_unsupported(file.path)
        case unknown:
            assert_never(unknown)


def _read_images(json: JsonFile, root: JsonObject, path: FilePath) -> Iterator[Reference | UnsupportedText]:
    """Yield the image under the key `image`. If the key occurs several times, yield the image each time.

    See https://containers.dev/implementors/json_reference/#image-specific.
    """
    locators = UniqueLocators()
    for value in root.list_values("image"):
        position = ReferencePosition(
            path, _FORMAT, Role.BASE, json.line_offsets.get_line_number(value.start), locators.make_unique("image")
        )
        found = _read_text(value, position)
        if found is not None:
            yield found


def _read_text(value: JsonValue, position: ReferencePosition) -> Reference | UnsupportedText | None:
    match value:
        case JsonWord("null") | JsonString(""):
            return None
        case JsonString(text, start, is_literal):
            if TEMPLATE_MARKS.search(text):
                return position.make_unsupported(text, Reason.TEMPLATED)
            return (
                position.read_reference(text, start)
                if is_literal
                else position.make_unsupported(text, Reason.MALFORMED)
            )
        case JsonWord(text):
            return position.make_unsupported(text, Reason.MALFORMED)
        case JsonArray() | JsonObject():
            return position.make_unsupported("[…]" if isinstance(value, JsonArray) else "{…}", Reason.MALFORMED)
        case _:
            assert_never(value)


def _list_build_facts(
    json: JsonFile, root: JsonObject, path: FilePath
) -> Iterator[DockerfileBuild | NamedBuildContext]:
    """Yield the build of the file's Dockerfile, and its named build contexts.

    See the image-specific properties at https://containers.dev/implementors/json_reference/#image-specific.
    """
    builds = [build for build in root.list_values("build") if isinstance(build, JsonObject)][-1:]
    named = [*root.list_values("dockerFile"), *(value for build in builds for value in build.list_values("dockerfile"))]
    dockerfile = next((each for each in named[-1:] if isinstance(each, JsonString)), None)
    if dockerfile is None:
        return
    arguments = tuple(
        BuildArgument(name.value, json.line_offsets.get_line_number(name.start), _parse_value(value))
        for build in builds
        for each in build.list_values("args")
        for name, value in (each.items if isinstance(each, JsonObject) else ())
    )
    line_number = json.line_offsets.get_line_number(dockerfile.start)
    yield DockerfileBuild(path, line_number, _FORMAT, dockerfile=_parse_value(dockerfile), arguments=arguments)
    built_file = resolve_dockerfile(path, None, dockerfile.value)
    if built_file is None:
        return
    for build in builds:
        for options in build.list_values("options"):
            for start, name_text in _list_context_names(options):
                yield NamedBuildContext(path, json.line_offsets.get_line_number(start), built_file, name_text)


def _parse_value(value: JsonValue) -> InterpolatedText:
    """Return a text. If it contains a variable such as `${localEnv:NAME}`, it is a variable that nothing sets."""
    if not isinstance(value, JsonString):
        return ()
    has_variable = "${" in value.value or TEMPLATE_MARKS.search(value.value)
    return (VariableUse(value.value),) if has_variable else (LiteralText(value.value, None),)


def _list_compose_files(json: JsonFile, root: JsonObject, path: FilePath) -> Iterator[NamedFileUse]:
    """Yield the Compose files that the container consists of."""
    for value in root.list_values("dockerComposeFile"):
        for each in value.items if isinstance(value, JsonArray) else (value,):
            if isinstance(each, JsonString) and each.value:
                line_number = json.line_offsets.get_line_number(each.start)
                yield NamedFileUse(path, line_number, "compose", _parse_value(each))


def _list_context_names(options: JsonValue) -> Iterator[tuple[int, str]]:
    """Yield (byte offset, name) for each `--build-context NAME=VALUE` among the options of `docker build`."""
    texts = [each for each in options.items if isinstance(each, JsonString)] if isinstance(options, JsonArray) else []
    for text, following in zip(texts, [*texts[1:], None], strict=True):
        option, equals, value = text.value.partition("=")
        if option == _CONTEXT_OPTION and equals:
            yield text.start, value.partition("=")[0]
        elif option == _CONTEXT_OPTION and following is not None:
            yield following.start, following.value.partition("=")[0]
