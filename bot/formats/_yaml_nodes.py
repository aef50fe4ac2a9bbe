"""YAML as trees whose scalars know their bytes; a document that is broken costs no other.

The trees are built from the parser's events and not composed: Kubernetes accepts duplicate anchors and keys where
PyYAML's composer raises, and an alias without its anchor should lose one value and not a file. Aliases and merge keys
are followed only when somebody looks, and within a budget.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Any

import yaml

from bot.model.vocabulary import Reason

MAX_NESTING = 200
"""Levels of collections: schemas inside CustomResourceDefinitions nest some 60 deep, libyaml itself stops at 1000."""
MAX_VISITS = 50_000
"""Nodes looked at in one document, those behind aliases counted each time: more than a megabyte of manifests has when
it does not repeat itself, and a fraction of a second of work."""

EACH = "*"
"""In a path: every item of a sequence."""
_BOM = b"\xef\xbb\xbf"
_MERGE = "<<"
_NO_KEY = ""
"""Stands for keys that no path can name."""
_STRING = "tag:yaml.org,2002:str"
_NULL = "tag:yaml.org,2002:null"
_resolve: Callable[..., str] = yaml.resolver.Resolver().resolve
_LOADER: type[yaml.CSafeLoader | yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser, or the pure one where PyYAML was built without it."""
_CHECKPOINT = 4096
"""Characters from one remembered byte offset to the next."""


class TooDeepError(Exception):
    """A document nests or repeats itself more than we follow; `position` is the character where that showed."""

    def __init__(self, position: int) -> None:
        self.position = position
        super().__init__(position)


@dataclass(slots=True)
class Scalar:
    """A text, or what YAML makes of it; `start` and `end` are characters, anchor, tag and quotes included."""

    value: str
    style: str
    """The quote, `|`, `>`, or nothing for a plain scalar."""
    start: int
    end: int
    has_tag: bool

    @property
    def is_block(self) -> bool:
        return self.style in {"|", ">"}

    @property
    def is_null(self) -> bool:
        return self._tag == _NULL

    @property
    def is_string(self) -> bool:
        """Whether it is text, and not a number, a truth value, a date or nothing."""
        return self._tag == _STRING

    @property
    def _tag(self) -> str:
        if self.style or self.has_tag:
            return _STRING
        return _resolve(yaml.ScalarNode, self.value, (True, False))


@dataclass(slots=True)
class Mapping:
    """Values by key, in order; a key that is there twice has both."""

    start: int
    end: int = 0
    values: dict[str, list[Node]] = field(default_factory=dict)


@dataclass(slots=True)
class Sequence:
    """Items in order."""

    start: int
    end: int = 0
    items: list[Node] = field(default_factory=list)


Node = Scalar | Mapping | Sequence | None
"""None is an alias to nothing."""


class _Source:
    """The text of one stretch of the file, and the way from its characters to the file's bytes and lines."""

    def __init__(self, content: bytes, start: int, end: int) -> None:
        self._content = content
        self.start = start
        """The byte of the file that it begins at."""
        self.raw = content[start:end]

    @cached_property
    def text(self) -> str:
        """Raises UnicodeDecodeError."""
        return self.raw.decode()

    def offset(self, position: int) -> int:
        """Return the byte of the file at which the character `position` of the text begins."""
        if self.text.isascii():
            return self.start + position
        whole = min(position, len(self.text)) // _CHECKPOINT
        return self.start + self._checkpoints[whole] + len(self.text[whole * _CHECKPOINT : position].encode())

    def line_number(self, offset: int) -> int:
        """Return the line of the file that the byte `offset` of the file is on, from 1."""
        return self._first_line + bisect_right(self._line_starts, offset - self.start)

    @cached_property
    def _checkpoints(self) -> list[int]:
        pieces = (self.text[at : at + _CHECKPOINT] for at in range(0, len(self.text), _CHECKPOINT))
        return [0, *accumulate(len(piece.encode()) for piece in pieces)]

    @cached_property
    def _first_line(self) -> int:
        return self._content.count(b"\n", 0, self.start)

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *accumulate(len(line) + 1 for line in self.raw.split(b"\n"))]


@dataclass(slots=True)
class Document:
    """One document of a file."""

    index: int
    """From 0, in its file."""
    root: Node
    source: _Source
    _visits: int = 0

    def walk(self, node: Node, path: tuple[str, ...], locator: str) -> Iterator[tuple[str, Node]]:
        """Yield what stands at `path` below `node`, each with `locator` and the way to it.

        A value that is there twice under one key is yielded twice, the second as `key#1`.
        Raises TooDeepError when the document's budget of visits is used up.
        """
        self._visit(node)
        if not path:
            yield locator, node
        elif path[0] != EACH:
            for index, value in enumerate(self.values(node, path[0])):
                key = f"{path[0]}#{index}" if index else path[0]
                yield from self.walk(value, path[1:], f"{locator}/{key}")
        elif isinstance(node, Sequence):
            for index, item in enumerate(node.items):
                yield from self.walk(item, path[1:], f"{locator}/{index}")

    def values(self, node: Node, key: str) -> list[Node]:
        """Return the values of `key` in a mapping, or of the first of the mappings merged into it that has the key.

        Raises TooDeepError as `walk` does.
        """
        seen: set[int] = set()
        pending = [node]
        while pending:
            mapping = pending.pop()
            if not isinstance(mapping, Mapping) or id(mapping) in seen:
                continue
            if key in mapping.values:
                return mapping.values[key] if not seen else mapping.values[key][-1:]
            seen.add(id(mapping))
            for merged in reversed(mapping.values.get(_MERGE, [])):
                mappings = merged.items if isinstance(merged, Sequence) else [merged]
                self._visit(merged, len(mappings))
                pending += reversed(mappings)
        return []

    def text(self, node: Node, key: str) -> str | None:
        """Return the text that a mapping has under `key`; of several, the last."""
        match self.values(node, key)[-1:]:
            case [Scalar() as scalar] if scalar.is_string:
                return scalar.value
            case _:
                return None

    def literal_start(self, scalar: Scalar) -> int | None:
        """Return the byte of the file where the text of `scalar` stands as it is.

        None where escapes, folding or line breaks make the source differ from the text. The line breaks at the end of
        a block scalar are not part of its text here.
        """
        source = self.source.text[scalar.start : scalar.end]
        value = scalar.value
        match scalar.style:
            case "'" | '"' as quote:
                at = len(source) - len(value) - len(quote)
                is_literal = source.endswith(value + quote) and at > 0 and source[at - 1] == quote
            case "|" | ">" as indicator:
                header_end = source.find("\n", source.find(indicator))
                at = source.find(value.strip(), header_end)
                is_literal = header_end >= 0 and at >= 0
            case _:
                at = len(source) - len(value)
                is_literal = source.endswith(value)
        return self.source.offset(scalar.start + at) if is_literal else None

    def line_number(self, node: Node) -> int:
        """Return the line that `node` begins on, with its anchor and tag."""
        return self.source.line_number(self.source.offset(node.start if node else 0))

    def source_of(self, node: Mapping | Sequence) -> str:
        """Return the text of the file that a collection was read from."""
        return self.source.text[node.start : node.end]

    def _visit(self, node: Node, count: int = 1) -> None:
        self._visits += count
        if self._visits > MAX_VISITS:
            raise TooDeepError(node.start if node else 0)


@dataclass(frozen=True, slots=True)
class Broken:
    """A stretch of the file that is no YAML, or more than we follow."""

    reason: Reason
    line_number: int
    source: _Source

    @property
    def line(self) -> str:
        """The text of that line, as far as it is text."""
        lines = self.source.raw.split(b"\n")
        index = self.line_number - self.source.line_number(self.source.start)
        return lines[index].decode(errors="replace") if 0 <= index < len(lines) else ""


def read_documents(content: bytes, is_wanted: Callable[[bytes], bool]) -> Iterator[Document | Broken]:
    """Yield the documents of a file whose bytes are wanted, and what could not be read of those; never raises."""
    index = 0
    for start, end in _split(content):
        source = _Source(content, start, end)
        if not is_wanted(source.raw):
            index += not _is_blank(source.raw)
            continue
        try:
            for root in _roots(source.text):
                yield Document(index, root, source)
                index += 1
        except UnicodeDecodeError as error:
            yield Broken(Reason.UNDECODABLE, source.line_number(start + error.start), source)
            index += 1
        except TooDeepError as error:
            yield Broken(Reason.TOO_DEEP, source.line_number(source.offset(error.position)), source)
            index += 1
        except (yaml.YAMLError, ValueError, OverflowError) as error:  # the pure parser lets the last two out
            yield Broken(Reason.UNPARSABLE, source.line_number(source.offset(_position(error))), source)
            index += 1


def _split(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end of each stretch between markers: `---` in the first column, which is a marker anywhere.

    A marker and the directives above it belong to what follows.
    """
    start = len(_BOM) if content.startswith(_BOM) else 0
    at = start
    while (line_break := content.find(b"\n---", at)) >= 0:
        marker = line_break + 1
        at = marker + 3
        if content[at : at + 1] not in (b"", b" ", b"\t", b"\r", b"\n"):
            continue
        while marker > start and content[(line := _line_before(content, start, marker)) : line + 1] == b"%":
            marker = line
        if marker > start:
            yield start, marker
        start = marker
    yield start, len(content)


def _line_before(content: bytes, start: int, line: int) -> int:
    return max(content.rfind(b"\n", start, line - 1) + 1, start)


def _is_blank(raw: bytes) -> bool:
    """Say whether there is no document: no marker, and nothing but blank lines and comments."""
    return all(not line or line.startswith(b"#") for line in map(bytes.strip, raw.split(b"\n")))


def _position(error: Exception) -> int:
    mark = getattr(error, "problem_mark", None)
    return int(mark.index if mark else getattr(error, "position", 0))


def _roots(text: str) -> Iterator[Node]:
    """Yield the root of each document. Raises YAMLError, TooDeepError."""
    next_event: Callable[[], Any] = _LOADER(text).get_event
    builder = _Builder()
    while (event := next_event()) is not None:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            builder.add_scalar(event)
        elif kind is yaml.MappingStartEvent:
            builder.open(Mapping(event.start_mark.index), event.anchor)
        elif kind is yaml.SequenceStartEvent:
            builder.open(Sequence(event.start_mark.index), event.anchor)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            builder.close(event.end_mark.index)
        elif kind is yaml.AliasEvent:
            builder.add(builder.anchors.get(event.anchor))
        elif kind is yaml.DocumentStartEvent:
            builder = _Builder()
        elif kind is yaml.DocumentEndEvent:
            yield builder.root


class _Builder:
    """Makes a tree of the events of one document."""

    def __init__(self) -> None:
        self.anchors: dict[str, Node] = {}
        self._top = Sequence(0)
        self._open: list[Mapping | Sequence] = [self._top]
        self._keys: list[str | None] = [None]
        """For each open collection: the key that waits for its value."""

    @property
    def root(self) -> Node:
        return self._top.items[0] if self._top.items else None

    def add_scalar(self, event: Any) -> None:
        if event.anchor is None and self._keys[-1] is None and type(self._open[-1]) is Mapping:
            is_quoted_merge = event.value == _MERGE and event.style
            self._keys[-1] = _NO_KEY if is_quoted_merge else event.value
            return
        start, end = event.start_mark.index, event.end_mark.index
        scalar = Scalar(event.value, event.style or "", start, end, has_tag=event.tag is not None)
        if event.anchor is not None:
            self.anchors[event.anchor] = scalar
        self.add(scalar)

    def add(self, node: Node) -> None:
        """Put `node` where the next one goes: as an item, a key, or the value of the last key."""
        parent = self._open[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
            return
        key = self._keys[-1]
        if key is None:
            self._keys[-1] = node.value if isinstance(node, Scalar) else _NO_KEY
            return
        self._keys[-1] = None
        parent.values.setdefault(key, []).append(node)

    def open(self, collection: Mapping | Sequence, anchor: str | None) -> None:
        if anchor is not None:
            self.anchors[anchor] = collection
        self.add(collection)
        self._open.append(collection)
        self._keys.append(None)
        if len(self._open) > MAX_NESTING:
            raise TooDeepError(collection.start)

    def close(self, end: int) -> None:
        self._open.pop().end = end
        self._keys.pop()
