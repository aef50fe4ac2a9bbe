"""Read the images at the paths of a table from YAML documents."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple, assert_never

from bot.formats._syntax.places import Locators
from bot.formats._syntax.platforms import read_platform
from bot.formats._syntax.yaml.files import read_file
from bot.formats._syntax.yaml.images import ImageReader
from bot.formats._syntax.yaml.nodes import Document, Mapping, Node, Scalar, Sequence, TooDeepError
from bot.formats._syntax.yaml.tables import Images
from bot.formats._syntax.yaml.ways import EACH, EVERY, Path
from bot.model.found import ExtractedItem
from bot.model.source import FilePath, Occurrence, SourceFile, UnsupportedText
from bot.model.vocabulary import Role

MAX_CONDITIONS = 30
"""Limit on nested conditions; people write two or three."""
MAX_BEFORE_MAPPING = 200
"""Limit on the bytes between a key and its mapping: an anchor, a tag, a comment."""

_CORE_TAG = "tag:yaml.org,2002:"
_ANY_KEY = rb"[^\s:\"']++"
_COLON_AND_PROPERTIES = rb"[ \t]*:(?:[ \t\r\n]|#[^\n]*+|[&!]\S*+)*\Z"
"""The text that may stand between a key and its mapping: comments, an anchor, a tag."""


class TableReader(NamedTuple):
    """Reads the images of one table; its fields are those of `YamlPathFormat`."""

    name: str
    images: tuple[Images, ...]
    keywords: frozenset[str]
    kept: tuple[Path, ...]
    conditions: str

    def read(self, file: SourceFile, is_wanted: Callable[[bytes], bool]) -> Iterator[ExtractedItem]:
        """Yield the images of a file in the order of their lines, and parts that cannot be read."""
        return read_file(file, is_wanted, lambda document: self._read(document, file.path))

    def _read(self, document: Document, path: FilePath) -> Iterator[Occurrence | UnsupportedText]:
        """Yield the images of a document. Raises TooDeepError."""
        reader = ImageReader(document, path, self.name, Role.BASE)
        images = list(self._images_of(document))  # walk all paths before reading, which needs the shared scalars
        found = [each for image in images if (each := image.read(reader)) is not None]
        yield from sorted(found, key=lambda each: each.line_number)

    def _images_of(self, document: Document) -> Iterator[_Image]:
        """Yield the nodes at the paths of the table. Raises TooDeepError."""
        for path in self.kept if document.stands_at else ():
            for _ in self._walk(document, document.root, path, ""):
                pass
        locators = Locators("~")  # not `#`, which numbers the values of a repeated key
        for images in self.images:
            for locator, node in self._walk(document, document.root, images.path, str(document.index)):
                image = images.reads(document, node)
                if _has_own_tag(image):
                    continue
                platform = _platform(document, node, images.platform)
                yield _Image(locators.unique(locator), image, node, images, platform)  # a `/` in a key can repeat one

    def _walk(
        self, document: Document, node: Node, path: Path, locator: str, depth: int = 0
    ) -> Iterator[tuple[str, Node]]:
        """Yield the nodes at `path` below `node`, with locators; nodes with a tag of the file's own are skipped."""
        if _has_own_tag(node):
            return
        if not path:
            yield locator, node
        for at, value in self._enter(document, node, path, locator):
            yield from self._walk(document, value, path[1:], at, depth)
            if path[0] == EACH:
                yield from self._walk_conditions(document, value, path, at, depth)
        if path[:1] != (EACH,):
            yield from self._walk_conditions(document, node, path, locator, depth)

    def _enter(self, document: Document, node: Node, path: Path, locator: str) -> Iterator[tuple[str, Node]]:
        """Yield the nodes that the first element of `path` leads to."""
        match path:
            case ():
                return
            case (element,) if element == EACH:
                yield from document.walk(node, path, locator)
            case (element, *_) if element == EACH:
                if isinstance(node, Sequence):
                    yield from ((f"{locator}/{index}", item) for index, item in document.look(node))
            case (element, *_):
                for key in self._names(document, node) if element == EVERY else [element]:
                    for index, value in enumerate(document.values(node, key)):
                        yield f"{locator}/{key}#{index}" if index else f"{locator}/{key}", value

    def _names(self, document: Document, node: Node) -> Iterator[str]:
        """Yield the keys of a mapping that ALL_VALUES stands for."""
        left_out = self.keywords if node is document.root else frozenset[str]()
        return (key for key in document.keys(node) if key not in left_out and not self._is_condition(key))

    def _walk_conditions(
        self, document: Document, node: Node, path: Path, locator: str, depth: int
    ) -> Iterator[tuple[str, Node]]:
        if not self.conditions:
            return
        if depth > MAX_CONDITIONS:
            raise TooDeepError
        for key in filter(self._is_condition, document.keys(node)):
            for value in document.values(node, key):
                yield from self._walk(document, value, path, f"{locator}/{key}", depth + 1)

    def _is_condition(self, key: str) -> bool:
        return bool(self.conditions) and key.startswith(self.conditions)


class _Image(NamedTuple):
    """A node at a path of the table."""

    locator: str
    node: Node
    """The image."""
    around: Node
    """The node at the path: a mapping around the image, or the image itself."""
    images: Images
    platform: str | None

    def read(self, reader: ImageReader) -> Occurrence | UnsupportedText | None:
        scheme, needs_scheme = self.images.scheme, self.images.needs_scheme
        found = reader.read(self.locator, self.node, self.platform, scheme, needs_scheme=needs_scheme)
        if isinstance(found, Occurrence) and self.around is not self.node:
            return replace(found, related_lines=(_line_of_key(reader.document, self.around, self.images.path[-1]),))
        return found


def _line_of_key(document: Document, node: Node, key: str) -> int:
    """Return the line of the key before `node`; if the key is not found there, the line on which `node` begins.

    `key` is an element of a path.
    """
    start = document.start(node)
    at = start - document.source.start
    before = document.source.raw[max(at - MAX_BEFORE_MAPPING, 0) : at]
    written = _ANY_KEY if key == EVERY else re.escape(key.encode())
    match = re.search(rb"%b[\"']?%b" % (written, _COLON_AND_PROPERTIES), before)
    return document.source.line_number(start if match is None else start - len(match[0]))


def _platform(document: Document, node: Node, path: Path) -> str | None:
    """Return the platform at `path` below a mapping; None if it is not a scalar or not a platform."""
    for _, found in document.walk(node, path, "") if path else ():
        if isinstance(found, Scalar):
            return read_platform(found.value)
    return None


def _has_own_tag(node: Node) -> bool:
    """Return True if `node` has a tag other than YAML's core tags, so that only its author knows its meaning."""
    match node:
        case None:
            return False
        case Scalar():
            tag = node.event.tag
        case Mapping() | Sequence():
            tag = node.first.tag
        case _:
            assert_never(node)
    return tag not in (None, "!") and not str(tag).startswith(_CORE_TAG)
