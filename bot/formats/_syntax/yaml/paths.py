"""Formats that are a table of paths in YAML: which files they select, and where those name images."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import assert_never

from bot.formats._syntax.encoding import is_utf_16
from bot.formats._syntax.places import Locators
from bot.formats._syntax.platforms import read_platform
from bot.formats._syntax.yaml.files import read_file
from bot.formats._syntax.yaml.images import ImageReader
from bot.formats._syntax.yaml.keys import may_be_escaped
from bot.formats._syntax.yaml.nodes import (
    EACH,
    EVERY,
    Document,
    Mapping,
    Node,
    Path,
    Scalar,
    Sequence,
    TooDeepError,
)
from bot.model.remark import Found
from bot.model.source import FilePath, Occurrence, SourceFile, Unsupported
from bot.model.vocabulary import Role

MAX_CONDITIONS = 30
"""Conditions inside conditions; people write two or three."""
MAX_BEFORE_MAPPING = 200
"""Bytes from a key to its mapping, in which the key is looked for: an anchor, a tag, a comment."""

_CORE_TAG = "tag:yaml.org,2002:"
_ANY_KEY = rb"[^\s:\"']++"
_COLON_AND_PROPERTIES = rb"[ \t]*:(?:[ \t\r\n]|#[^\n]*+|[&!]\S*+)*\Z"
"""What may stand between a key and its mapping: comments, an anchor, a tag."""


def itself(_document: Document, node: Node) -> Node:
    """Return the node that a path leads to: it is the image."""
    return node


def or_under(key: str) -> Callable[[Document, Node], Node]:
    """Return how a value is read that is either the image or a mapping which has it under `key`."""

    def read(document: Document, node: Node) -> Node:
        if not isinstance(node, Mapping):
            return node
        values = document.values(node, key)
        if values:
            return values[-1]
        return None if document.keys(node) else node  # `{{ image }}` without quotes has no key that is a text

    return read


@dataclass(frozen=True, slots=True)
class Images:
    """Where a document names images."""

    path: Path
    reads: Callable[[Document, Node], Node] = itself
    """Return the image in what the path leads to; None where there is none."""
    scheme: str = ""
    """What stands before the image there, as `docker://`."""
    needs_scheme: bool = True
    """Whether a text without the scheme is no image."""
    platform: Path = ()
    """Below the path: where the image's platform is said."""


@dataclass(frozen=True)
class YamlPaths:
    """A format whose images stand at fixed paths."""

    name: str
    files: re.Pattern[str]
    """Matches the whole path of a file."""
    images: tuple[Images, ...]
    keywords: frozenset[str] = frozenset()
    """Keys of the top that a path's EVERY leaves out there, since they have meanings of their own."""
    kept: tuple[Path, ...] = ()
    """Where people keep scalars with anchors, to name them again; nothing else is done with them."""
    conditions: str = ""
    """How keys begin that are conditions around what they hold; paths lead through them."""
    has_line_end_comments: bool = True

    def selects(self, paths: Collection[FilePath]) -> Iterable[FilePath]:
        """Return the paths that the pattern matches."""
        return [path for path in paths if self.files.fullmatch(path)]

    def extract(self, file: SourceFile) -> Iterator[Found]:
        """Yield the images in the order of their lines, and what could not be read."""
        if not is_utf_16(file.content) or self._has_words(file.content, _in_utf_16):
            yield from read_file(file, self._is_wanted, lambda document: self._read(document, file.path))

    def _has_words(self, content: bytes, spelled: Callable[[bytes], bytes] = bytes) -> bool:
        """Say whether all words of one set are in these bytes, `spelled` as they are there."""
        return any(all(spelled(word) in content for word in words) for words in self._words)

    @cached_property
    def _words(self) -> frozenset[frozenset[bytes]]:
        """Sets of words; a file with an image holds all words of one of them."""
        schemes = (each.scheme.rstrip(":/") if each.needs_scheme else "" for each in self.images)
        keys = ({*each.path, scheme} - {EACH, EVERY, ""} for each, scheme in zip(self.images, schemes, strict=True))
        return frozenset(frozenset(key.encode() for key in words) for words in keys)

    def _is_wanted(self, content: bytes) -> bool:
        """Say whether there may be an image in these bytes; a no is certain.

        A path leads nowhere unless its keys are there, and a key's letters stand in the file one after another, unless
        escapes write some of them.
        """
        return self._has_words(content) or may_be_escaped(content)

    def _read(self, document: Document, path: FilePath) -> Iterator[Occurrence | Unsupported]:
        """Yield the images of a document. Raises TooDeepError."""
        reader = ImageReader(document, path, self.name, Role.BASE)
        images = list(self._images_of(document))  # all of them, so that it is known what else shares their bytes
        found = [each for image in images if (each := image.read(reader)) is not None]
        yield from sorted(found, key=lambda each: each.line_number)

    def _images_of(self, document: Document) -> Iterator[_Image]:
        """Yield what stands where images are named. Raises TooDeepError."""
        for path in self.kept if document.stands_at else ():
            for _ in self._walk(document, document.root, path, ""):
                pass
        locators = Locators("~")  # behind a `#` is the number of a value whose key is there twice
        for images in self.images:
            for locator, node in self._walk(document, document.root, images.path, str(document.index)):
                image = images.reads(document, node)
                if _has_own_tag(image):
                    continue
                platform = _platform(document, node, images.platform)
                yield _Image(locators.unique(locator), image, node, images, platform)  # a key may hold a `/`

    def _walk(
        self, document: Document, node: Node, path: Path, locator: str, depth: int = 0
    ) -> Iterator[tuple[str, Node]]:
        """Yield what stands at `path` below `node`, with locators; a tag of the file's own makes it something else."""
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
        """Yield what the first element of `path` leads to."""
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
        """Yield the keys of a mapping that EVERY stands for."""
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


@dataclass(frozen=True, slots=True)
class _Image:
    """What stands where an image is named."""

    locator: str
    node: Node
    """The image."""
    around: Node
    """What it is in: a mapping, or itself."""
    images: Images
    platform: str | None

    def read(self, reader: ImageReader) -> Occurrence | Unsupported | None:
        scheme, needs_scheme = self.images.scheme, self.images.needs_scheme
        found = reader.read(self.locator, self.node, self.platform, scheme, needs_scheme=needs_scheme)
        if isinstance(found, Occurrence) and self.around is not self.node:
            return replace(found, also_lines=(_line_of_key(reader.document, self.around, self.images.path[-1]),))
        return found


def _line_of_key(document: Document, node: Node, key: str) -> int:
    """Return the line of the key that `node` is the value of, where it stands before it, else where `node` begins.

    `key` is an element of a path.
    """
    start = document.start(node)
    at = start - document.source.start
    before = document.source.raw[max(at - MAX_BEFORE_MAPPING, 0) : at]
    written = _ANY_KEY if key == EVERY else re.escape(key.encode())
    match = re.search(rb"%b[\"']?%b" % (written, _COLON_AND_PROPERTIES), before)
    return document.source.line_number(start if match is None else start - len(match[0]))


def _platform(document: Document, node: Node, path: Path) -> str | None:
    """Return the platform that a mapping says its image is for."""
    for _, found in document.walk(node, path, "") if path else ():
        if isinstance(found, Scalar):
            return read_platform(found.value)
    return None


def _in_utf_16(word: bytes) -> bytes:
    """Return what of `word` is the same in both orders of bytes."""
    return word.decode().encode("utf-16-le")[:-1]


def _has_own_tag(node: Node) -> bool:
    """Say whether somebody's own tag makes of `node` something that only they know."""
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
