"""Read development containers: the image of a `devcontainer.json`, and the build arguments that it sets.

The entries of `features` are OCI artifacts that look like images; their digests go into a lock file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from bot.formats._syntax.broken import BrokenFile
from bot.formats._syntax.jsonc import Array, Json, Object, Text, Value, Word, read_json
from bot.formats._syntax.places import TEMPLATE_MARKS, Locators, Place
from bot.formats._syntax.tree_paths import dockerfile_of
from bot.model.found import ExtractedItem
from bot.model.remark import BuildArgumentSetting
from bot.model.source import FilePath, Occurrence, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason, Role

_FORMAT = "devcontainer"


def read(file: SourceFile) -> Iterator[ExtractedItem]:
    """Yield the image of a file, and the build arguments that it sets."""
    match read_json(file.content):
        case Json(root=Object() as root) as json:
            yield from _read_image(json, root, file.path)
            yield from _arguments(json, root, file.path)
        case Json():
            return
        case BrokenFile() as broken:
            yield broken.unsupported(file.path)
        case unknown:
            assert_never(unknown)


def _read_image(json: Json, root: Object, path: FilePath) -> Iterator[Occurrence | UnsupportedText]:
    """Yield the value of the key `image` (https://containers.dev/implementors/json_reference/#image-specific)."""
    locators = Locators()
    for value in root.values("image"):
        place = Place(path, _FORMAT, Role.BASE, json.lines.number(value.start), locators.unique("image"))
        found = _read_text(value, place)
        if found is not None:
            yield found


def _read_text(value: Value, place: Place) -> Occurrence | UnsupportedText | None:
    match value:
        case Word("null") | Text(""):
            return None
        case Text(text, start, is_literal):
            if TEMPLATE_MARKS.search(text):
                return place.unsupported(text, Reason.TEMPLATED)
            return place.read(text, start) if is_literal else place.unsupported(text, Reason.MALFORMED)
        case Word(text):
            return place.unsupported(text, Reason.MALFORMED)
        case Array() | Object():
            return place.unsupported("[…]" if isinstance(value, Array) else "{…}", Reason.MALFORMED)
        case _:
            assert_never(value)


def _arguments(json: Json, root: Object, path: FilePath) -> Iterator[BuildArgumentSetting]:
    """Yield the build arguments of a Dockerfile (image-specific properties of the same page)."""
    builds = [build for build in root.values("build") if isinstance(build, Object)][-1:]
    for build in builds:
        named = [*root.values("dockerFile"), *build.values("dockerfile")][-1:]
        dockerfile = next((dockerfile_of(path, None, each.value) for each in named if isinstance(each, Text)), None)
        if dockerfile is None:
            continue
        for arguments in build.values("args"):
            for name, _ in arguments.items if isinstance(arguments, Object) else ():
                yield BuildArgumentSetting(path, json.lines.number(name.start), dockerfile, name.value)
