"""Read development containers: the image in a `devcontainer.json`, and the build arguments and contexts that it sets.

The entries of `features` look like images, but are OCI artifacts that are pinned in a lock file. These entries are not
read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from bot.formats._syntax.broken import BrokenFile
from bot.formats._syntax.jsonc import JsonArray, JsonFile, JsonObject, JsonString, JsonValue, JsonWord, read_json
from bot.formats._syntax.reference_positions import TEMPLATE_MARKS, ReferencePosition, UniqueLocators
from bot.formats._syntax.tree_paths import resolve_dockerfile
from bot.model.cross_file import BuildArgumentSetting, NamedBuildContext
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
) -> Iterator[BuildArgumentSetting | NamedBuildContext]:
    """Yield the build arguments and the named build contexts that the file sets for its Dockerfile.

    See the image-specific properties at https://containers.dev/implementors/json_reference/#image-specific.
    """
    builds = [build for build in root.list_values("build") if isinstance(build, JsonObject)][-1:]
    for build in builds:
        dockerfile_values = [*root.list_values("dockerFile"), *build.list_values("dockerfile")][-1:]
        dockerfile = next(
            (resolve_dockerfile(path, None, each.value) for each in dockerfile_values if isinstance(each, JsonString)),
            None,
        )
        if dockerfile is None:
            continue
        for arguments in build.list_values("args"):
            for name, node in arguments.items if isinstance(arguments, JsonObject) else ():
                line_number = json.line_offsets.get_line_number(name.start)
                value = node.value if isinstance(node, JsonString) and not TEMPLATE_MARKS.search(node.value) else ""
                format_name = _FORMAT if value else ""
                yield BuildArgumentSetting(path, line_number, dockerfile, name.value, value, format_name)
        for options in build.list_values("options"):
            for start, name_text in _list_context_names(options):
                yield NamedBuildContext(path, json.line_offsets.get_line_number(start), dockerfile, name_text)


def _list_context_names(options: JsonValue) -> Iterator[tuple[int, str]]:
    """Yield (byte offset, name) for each `--build-context NAME=VALUE` among the options of `docker build`."""
    texts = [each for each in options.items if isinstance(each, JsonString)] if isinstance(options, JsonArray) else []
    for text, following in zip(texts, [*texts[1:], None], strict=True):
        option, equals, value = text.value.partition("=")
        if option == _CONTEXT_OPTION and equals:
            yield text.start, value.partition("=")[0]
        elif option == _CONTEXT_OPTION and following is not None:
            yield following.start, following.value.partition("=")[0]
