"""Read the images at the paths that a `YamlPathFormat` defines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple, assert_never

from bot.core.references.locking import lock_reference
from bot.formats._syntax.platforms import read_platform
from bot.formats._syntax.reference_positions import UniqueLocators
from bot.formats._syntax.yaml.file_reader import read_file
from bot.formats._syntax.yaml.image_locations import ImageLocation
from bot.formats._syntax.yaml.image_matrix import ImageMatrix
from bot.formats._syntax.yaml.image_reader import YamlImageReader
from bot.formats._syntax.yaml.key_paths import ALL_ITEMS, ALL_VALUES, KeyPath
from bot.formats._syntax.yaml.matrix_reader import MatrixUse, find_matrix_images
from bot.formats._syntax.yaml.nodes import TooDeepError, YamlDocument, YamlMapping, YamlNode, YamlScalar, YamlSequence
from bot.model.extracted_item import ExtractedItem
from bot.model.source import FilePath, Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Role

MAX_CONDITIONS = 30
"""Limit on nested conditions. People write two or three."""
MAX_BEFORE_MAPPING = 200
"""Limit on the bytes between a key and its mapping. These bytes may contain an anchor, a tag and a comment."""

_CORE_TAG = "tag:yaml.org,2002:"
_ANY_KEY = rb"[^\s:\"']++"
_COLON_AND_PROPERTIES = rb"[ \t]*:(?:[ \t\r\n]|#[^\n]*+|[&!]\S*+)*\Z"
"""The text that may be between a key and its mapping: comments, an anchor, a tag."""


class TableReader(NamedTuple):
    """Reads images from YAML files by the paths that one `YamlPathFormat` lists.

    The fields are copied from the format and are documented there.
    """

    name: str
    locations: tuple[ImageLocation, ...]
    reserved_keys: frozenset[str]
    anchor_paths: tuple[KeyPath, ...]
    condition_prefix: str
    matrix: ImageMatrix | None

    def read(
        self,
        file: SourceFile,
        is_relevant: Callable[[bytes], bool],
        list_builds: Callable[[YamlDocument, FilePath], Iterable[ExtractedItem]] | None,
    ) -> Iterator[ExtractedItem]:
        """Yield the images in the order of their lines, and an `UnsupportedText` for each unreadable part.

        The facts of `list_builds` about a document follow its images.
        """

        def extract(document: YamlDocument) -> Iterator[ExtractedItem]:
            yield from self._read(document, file.path)
            if list_builds is not None:
                yield from list_builds(document, file.path)

        return read_file(file, is_relevant, extract)

    def _read(self, document: YamlDocument, path: FilePath) -> Iterator[Reference | UnsupportedText]:
        """Yield the images of a document in the order of their lines.

        Raises TooDeepError if conditions are nested too deeply, or the document's nodes are visited too often.
        """
        reader = YamlImageReader(document, path, self.name, Role.BASE)
        images = list(self._find_images(document))  # first walk all paths, to find shared scalars
        if self.matrix is not None:
            images = self._replace_matrix_uses(document, images, self.matrix)
        found = [each for image in images if (each := image.read(reader)) is not None]
        yield from sorted(found, key=lambda each: each.line_number)

    def _find_images(self, document: YamlDocument) -> Iterator[_LocatedImage]:
        """Yield the nodes at the paths of the format that may contain an image.

        Raises TooDeepError if conditions are nested too deeply, or the document's nodes are visited too often.
        """
        for path in self.anchor_paths if document.anchored_positions else ():
            for _ in self._walk(document, document.root, path, ""):
                pass
        locators = UniqueLocators("~")  # `#` already numbers the values of a repeated key
        for location in self.locations:
            for locator, node in self._walk(document, document.root, location.path, str(document.index)):
                image = location.find_image(document, node)
                if image is None or _has_custom_tag(image):
                    continue
                platform = _find_platform(document, node, location.platform)
                # Two paths can have the same locator because a key may contain a `/`.
                yield _LocatedImage(locators.make_unique(locator), image, node, location, platform)

    def _replace_matrix_uses(
        self, document: YamlDocument, images: list[_LocatedImage], matrix: ImageMatrix
    ) -> list[_LocatedImage]:
        """Return the images of a document with the values of matrices instead of the texts that use these values.

        Raises TooDeepError if the document's nodes are visited too often.
        """
        uses = [
            MatrixUse(each.locator, document.get_start(each.node), each.node.value, each.location)
            for each in images
            if isinstance(each.node, YamlScalar)
        ]
        found = find_matrix_images(document, matrix, uses, partial(self._walk, document))
        locators = UniqueLocators("~")
        return [
            *(each for each in images if each.locator not in found.answered_locators),
            *(
                _LocatedImage(locators.make_unique(each.locator), each.node, each.node, each.location, None)
                for each in found.values
                if not _has_custom_tag(each.node)
            ),
        ]

    def _walk(
        self, document: YamlDocument, node: YamlNode, path: KeyPath, locator: str, depth: int = 0
    ) -> Iterator[tuple[str, YamlNode]]:
        """Yield the nodes at `path` below `node`, with their locators.

        Nodes with a custom tag such as `!secret` are skipped. A condition is a key such as `${{ if … }}`, whose content
        is used if the condition is true. The search treats this content as if it were in the place of the condition.
        `depth` is the number of conditions above `node`.
        """
        if _has_custom_tag(node):
            return
        if not path:
            yield locator, node
        for at, value in self._enter_path(document, node, path, locator):
            yield from self._walk(document, value, path[1:], at, depth)
            if path[0] == ALL_ITEMS:
                yield from self._walk_conditions(document, value, path, at, depth)
        if path[:1] != (ALL_ITEMS,):
            yield from self._walk_conditions(document, node, path, locator, depth)

    def _enter_path(
        self, document: YamlDocument, node: YamlNode, path: KeyPath, locator: str
    ) -> Iterator[tuple[str, YamlNode]]:
        """Yield the values or items of `node` that the first element of `path` selects, with their locators.

        The element is a key, or a wildcard that selects all values of a mapping or all items of a sequence.
        """
        match path:
            case ():
                return
            case (element,) if element == ALL_ITEMS:
                yield from document.walk(node, path, locator)
            case (element, *_) if element == ALL_ITEMS:
                if isinstance(node, YamlSequence):
                    yield from (
                        (document.extend_locator(locator, index), item)
                        for index, item in document.get_entries(node).items()
                    )
            case (element, *_):
                for key in self._list_value_keys(document, node) if element == ALL_VALUES else [element]:
                    for index, value in enumerate(document.get_values(node, key)):
                        yield document.extend_locator(locator, key, index), value

    def _list_value_keys(self, document: YamlDocument, node: YamlNode) -> Iterator[str]:
        """Yield the keys of `node` that the wildcard ALL_VALUES matches.

        Conditions, such as `${{ if … }}`, are left out. At the top level of a document, reserved keys are left out too.
        """
        excluded_keys = self.reserved_keys if node is document.root else frozenset[str]()
        return (key for key in document.list_keys(node) if key not in excluded_keys and not self._is_condition(key))

    def _walk_conditions(
        self, document: YamlDocument, node: YamlNode, path: KeyPath, locator: str, depth: int
    ) -> Iterator[tuple[str, YamlNode]]:
        if not self.condition_prefix:
            return
        if depth > MAX_CONDITIONS:
            raise TooDeepError
        for key in filter(self._is_condition, document.list_keys(node)):
            for value in document.get_values(node, key):
                yield from self._walk(document, value, path, document.extend_locator(locator, key), depth + 1)

    def _is_condition(self, key: str) -> bool:
        return bool(self.condition_prefix) and key.startswith(self.condition_prefix)


class _LocatedImage(NamedTuple):
    """A node that may contain an image, and the path of the format at which it was found."""

    locator: str
    node: YamlNode
    """The image itself."""
    container: YamlNode
    """The node at the path: a mapping that contains the image, or the image itself."""
    location: ImageLocation
    platform: str | None

    def read(self, reader: YamlImageReader) -> Reference | UnsupportedText | None:
        scheme, needs_scheme = self.location.scheme, self.location.is_scheme_required
        prefixes = self.location.hub_prefixes
        found = reader.read(
            self.locator, self.node, self.platform, scheme, is_scheme_required=needs_scheme, hub_prefixes=prefixes
        )
        if not isinstance(found, Reference):
            return found
        lock = self.location.find_lock(reader.document, self.container, self.locator)
        if lock is not None:
            found = replace(lock_reference(found, lock.reason), notes=(lock.note,) if lock.note else ())
        if self.container is not self.node:
            line_number = find_key_line(reader.document, self.container, self.location.path[-1])
            return replace(found, related_lines=(line_number,))
        return found


def find_key_line(document: YamlDocument, node: YamlNode, key: str) -> int:
    """Return the line of the key whose value is `node`, or the first line of `node` if the key is not found.

    `key` is the last element of the path to `node`: the name of the key, or ALL_VALUES for a key with any name.
    """
    start = document.get_start(node)
    at = start - document.source.start
    before = document.source.raw[max(at - MAX_BEFORE_MAPPING, 0) : at]
    key_pattern = _ANY_KEY if key == ALL_VALUES else re.escape(key.encode())
    match = re.search(rb"%b[\"']?%b" % (key_pattern, _COLON_AND_PROPERTIES), before)
    return document.source.get_line_number(start if match is None else start - len(match[0]))


def _find_platform(document: YamlDocument, node: YamlNode, path: KeyPath) -> str | None:
    """Return the platform at `path` below `node`, or None if there is no valid platform or `path` is empty."""
    for _, found in document.walk(node, path, "") if path else ():
        if isinstance(found, YamlScalar):
            return read_platform(found.value)
    return None


def _has_custom_tag(node: YamlNode) -> bool:
    """Return True if `node` has a custom tag such as `!secret`, so that its meaning is unknown."""
    match node:
        case None:
            return False
        case YamlScalar():
            tag = node.event.tag
        case YamlMapping() | YamlSequence():
            tag = node.first.tag
        case _:
            assert_never(node)
    return tag not in (None, "!") and not str(tag).startswith(_CORE_TAG)
