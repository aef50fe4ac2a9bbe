"""YAML as trees whose scalars know their bytes; a document that is broken costs no other.

The trees are built from the parser's events and not composed: Kubernetes accepts duplicate anchors and keys where
PyYAML's composer raises, and an alias without its anchor should lose one value and not a file. Aliases and merge keys
are followed only when somebody looks, and within a budget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from bot.formats._syntax.yaml_source import Source, is_blank, split
from bot.model.vocabulary import Reason

MAX_NESTING = 200
"""Levels of collections: schemas inside CustomResourceDefinitions nest some 60 deep, libyaml itself stops at 1000."""
MAX_VISITS = 50_000
"""Items, merged mappings and repeated keys looked at in one document, those behind aliases counted each time: more than
a megabyte of manifests has when it does not repeat itself, and a fraction of a second of work."""

EACH = "*"
"""In a path: every item of a sequence."""
EVERY = "{}"
"""In a path: every value of a mapping."""
_MERGE = "<<"
_KEPT = "x-"
"""How keys of fragments begin (https://docs.docker.com/reference/compose-file/extension/)."""
_NO_KEY = "\0"
"""Stands for keys that no path can name."""
STRING = "tag:yaml.org,2002:str"
NULL = "tag:yaml.org,2002:null"
_resolve: Callable[..., str] = yaml.resolver.Resolver().resolve
_LOADER: type[yaml.CSafeLoader | yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser, or the pure one where PyYAML was built without it."""
_LIBYAML_TOO_DEEP = "exceeded maximum nesting depth"
"""It looks ahead further than the events it has given."""


class TooDeepError(Exception):
    """A document nests or repeats itself more than we follow; `position` is the character where that showed."""

    def __init__(self, position: int) -> None:
        self.position = position
        super().__init__(position)


@dataclass(slots=True)
class Mapping:
    """Values by key, in order."""

    first: Any
    """The event that began it; `last` is the one that ended it."""
    last: Any = None
    values: dict[str, _Raw] = field(default_factory=dict)
    hidden: list[tuple[str, _Raw]] = field(default_factory=list)
    """Values whose key comes again later."""

    def put(self, key: str, value: _Raw) -> None:
        if key in self.values:
            self.hidden.append((key, self.values[key]))
        self.values[key] = value


@dataclass(slots=True)
class Sequence:
    """Items in order."""

    first: Any
    last: Any = None
    items: list[_Raw] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, or what YAML makes of it."""

    event: yaml.ScalarEvent

    @property
    def value(self) -> str:
        return str(self.event.value)

    @property
    def style(self) -> str:
        """The quote, `|`, `>`, or nothing for a plain scalar."""
        return self.event.style or ""

    @property
    def is_block(self) -> bool:
        return self.style in {"|", ">"}

    @property
    def tag(self) -> str:
        """What YAML takes it for; whatever has quotes or a tag of its own is a STRING here."""
        is_plain = not self.style and self.event.tag is None
        return _resolve(yaml.ScalarNode, self.value, (True, False)) if is_plain else STRING


_COLLECTIONS: dict[type, type[Mapping | Sequence]] = {
    yaml.MappingStartEvent: Mapping,
    yaml.SequenceStartEvent: Sequence,
}
_Raw = Mapping | Sequence | yaml.ScalarEvent | None
"""A node as it is kept: most scalars are never looked at, so they stay the events they were."""
Node = Mapping | Sequence | Scalar | None
"""None is an alias to nothing."""
_Place = tuple[int, str | None]
"""A collection, as its `id`, and the key in it."""


@dataclass(slots=True)
class Document:
    """One document of a file."""

    index: int
    """From 0, in its file."""
    root: Node
    source: Source
    places: dict[int, set[_Place]]
    """Of every scalar with an anchor, by the `id` of its event: where it stands, itself and by its aliases."""
    _followed: set[_Place] = field(default_factory=set)
    """Where paths have led."""
    _visits: int = 0

    def walk(self, node: Node, path: tuple[str, ...], locator: str) -> Iterator[tuple[str, Node]]:
        """Yield what stands at `path` below `node`, each with `locator` and the way to it.

        A value that is there twice under one key is yielded twice, the second as `key#1`.
        Raises TooDeepError when the document's budget of visits is used up.
        """
        if not path:
            yield locator, node
        elif path[0] == EVERY:
            for key in self.keys(node):
                yield from self.walk(node, (key, *path[1:]), locator)
        elif path[0] != EACH:
            for index, value in enumerate(self.values(node, path[0])):
                key = f"{path[0]}#{index}" if index else path[0]
                yield from self.walk(value, path[1:], f"{locator}/{key}")
        elif isinstance(node, Sequence):
            for index, item in enumerate(node.items):
                self._visit(1)
                yield from self.walk(_node(item), path[1:], f"{locator}/{index}")

    def keys(self, node: Node) -> list[str]:
        """Return the keys of a mapping, in order, and after them those that are merged into it; none of other nodes.

        Raises TooDeepError as `walk` does.
        """
        keys: dict[str, None] = {}
        for mapping in self._with_merged(node):
            self._visit(len(mapping.values))
            keys |= dict.fromkeys(mapping.values)
        keys.pop(_NO_KEY, None)
        keys.pop(_MERGE, None)
        return list(keys)

    def values(self, node: Node, key: str) -> list[Node]:
        """Return the values of `key` in a mapping, else that of the first mapping merged into it.

        Raises TooDeepError as `walk` does.
        """
        if isinstance(node, Mapping) and key in node.values:
            self._followed.add((id(node), key))
            self._visit(len(node.hidden))
            earlier = [_node(value) for hidden, value in node.hidden if hidden == key]
            return [*earlier, _node(node.values[key])]
        for mapping in self._with_merged(node):
            if key in mapping.values:
                self._followed.add((id(mapping), key))
                return [_node(mapping.values[key])]
        return []

    def _with_merged(self, node: Node) -> Iterator[Mapping]:
        """Yield a mapping and those that are merged into it, each before what it overrules."""
        seen: set[int] = set()
        pending: list[Node | _Raw] = [node]
        while pending:
            mapping = pending.pop()
            if not isinstance(mapping, Mapping) or id(mapping) in seen:
                continue
            yield mapping
            seen.add(id(mapping))
            if _MERGE in mapping.values:
                merged = mapping.values[_MERGE]
                mappings = merged.items if isinstance(merged, Sequence) else [merged]
                self._visit(len(mappings))
                pending += reversed(mappings)

    def text(self, node: Node, key: str) -> str | None:
        """Return the text that a mapping has under `key`; of several, the last."""
        match self.values(node, key)[-1:]:
            case [Scalar() as scalar] if scalar.tag == STRING:
                return scalar.value
            case _:
                return None

    def is_shared(self, scalar: Scalar) -> bool:
        """Say whether `scalar` also stands, by an alias, where no path has led so far.

        A key `x-…` is where people keep what they name again; nothing else reads it.
        """
        places = self.places.get(id(scalar.event), ())
        return any(place not in self._followed and not (place[1] or "").startswith(_KEPT) for place in places)

    def literal_start(self, scalar: Scalar) -> int | None:
        """Return the byte of the file where the text of `scalar` stands as it is.

        None where escapes, folding or line breaks make the source differ from the text. The line breaks around the
        text of a block scalar are not part of it here.
        """
        start, end = _extent(scalar)
        source = self.source.text[start:end]
        value = scalar.value
        match scalar.style:
            case "'" | '"' as quote:
                at = len(source) - len(value) - len(quote)
                is_literal = source.endswith(value + quote)
            case "|" | ">" as indicator:
                header_end = source.find("\n", source.find(indicator))
                at = source.find(value.strip(), header_end)
                is_literal = header_end >= 0 and at >= 0
            case _:
                at = len(source) - len(value)
                is_literal = source.endswith(value)
        return self.source.offset(start + at) if is_literal else None

    def start(self, node: Node) -> int:
        """Return the byte of the file at which `node` begins, with its anchor and tag."""
        return self.source.offset(_extent(node)[0])

    def rest_of_line(self, node: Node) -> str:
        """Return what follows `node` on the line that it ends on: nothing, or a comment, in block style."""
        _, end = _extent(node)
        line_end = self.source.text.find("\n", end)
        return self.source.text[end : line_end if line_end >= 0 else None]

    def line_number(self, node: Node) -> int:
        """Return the line that `node` begins on, from 1."""
        return self.source.line_number(self.start(node))

    def source_of(self, node: Node) -> str:
        """Return the text of the file that `node` was read from."""
        return self.source.text[slice(*_extent(node))]

    def _visit(self, count: int) -> None:
        self._visits += count
        if self._visits > MAX_VISITS:
            raise TooDeepError(0)


def _node(raw: _Raw) -> Node:
    return Scalar(raw) if isinstance(raw, yaml.ScalarEvent) else raw


def _extent(node: Node) -> tuple[int, int]:
    """Return start and end of `node` in characters; anchor, tag and quotes are in it."""
    first: Any
    last: Any
    match node:
        case None:
            return 0, 0
        case Scalar():
            first = last = node.event
        case _:
            first, last = node.first, node.last
    return first.start_mark.index, last.end_mark.index


@dataclass(frozen=True, slots=True)
class Broken:
    """A stretch of the file that is no YAML, or more than we follow."""

    reason: Reason
    line_number: int
    source: Source

    @property
    def line(self) -> str:
        """The text of that line, as far as it is text."""
        lines = self.source.raw.split(b"\n")
        index = self.line_number - self.source.line_number(self.source.start)
        return lines[index].decode(errors="replace") if 0 <= index < len(lines) else ""


def read_documents(content: bytes, is_wanted: Callable[[bytes], bool]) -> Iterator[Document | Broken]:
    """Yield the documents of a file whose bytes are wanted, and what could not be read of those; never raises."""
    index = lines_before = counted = 0
    for start, end in split(content):
        raw = content[start:end]
        if not is_wanted(raw):
            index += not is_blank(raw)
            continue
        lines_before += content.count(b"\n", counted, start)
        counted = start
        source = Source(raw, start, lines_before)
        try:
            for root, places in _roots(source.decode()):
                yield Document(index, root, source, places)
                index += 1
        except UnicodeDecodeError as error:
            yield Broken(Reason.UNDECODABLE, source.line_number(start + error.start), source)
            index += 1
        except (TooDeepError, yaml.YAMLError, ValueError, OverflowError) as error:  # the last two of the pure parser
            yield Broken(_reason(error), source.line_number(source.offset(_position(error, source.text))), source)
            index += 1


def _reason(error: Exception) -> Reason:
    is_too_deep = isinstance(error, TooDeepError) or getattr(error, "problem", None) == _LIBYAML_TOO_DEEP
    return Reason.TOO_DEEP if is_too_deep else Reason.UNPARSABLE


def _position(error: Exception, text: str) -> int:
    """Return the character at which an error began: what is still open at the end was opened earlier."""
    problem, context = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    if problem is None:
        return int(getattr(error, "position", 0))
    is_at_end = problem.index >= len(text.rstrip())
    return int(context.index if is_at_end and context is not None else problem.index)


def _roots(text: str) -> Iterator[tuple[Node, dict[int, set[_Place]]]]:
    """Yield the root of each document, and where its anchored scalars stand. Raises YAMLError, TooDeepError."""
    next_event: Callable[[], Any] = _LOADER(text).get_event
    while (event := next_event()) is not None:
        if type(event) is yaml.DocumentStartEvent:
            yield _root(next_event)


def _root(next_event: Callable[[], Any]) -> tuple[Node, dict[int, set[_Place]]]:
    """Build the tree of one document out of its events. Reading YAML spends its time here, so it is one loop."""
    anchors = _Anchors()
    parent: Any = Sequence(None)
    top = parent.items
    key: str | None = None
    enclosing: list[tuple[Any, str | None]] = []
    while (kind := type(event := next_event())) is not yaml.DocumentEndEvent:
        if kind is yaml.ScalarEvent:
            node = event
        elif kind in _COLLECTIONS:
            node = _COLLECTIONS[kind](event)
        elif kind is yaml.AliasEvent:
            node = anchors.nodes.get(event.anchor)
        else:
            parent.last = event
            parent, key = enclosing.pop()
            continue
        if event.anchor is not None:
            anchors.note(event.anchor, node, (id(parent), key))
        if type(parent) is Sequence:
            parent.items.append(node)
        elif key is None:
            key = _key(node)
        else:
            parent.put(key, node)
            key = None
        if kind in _COLLECTIONS:
            enclosing.append((parent, key))
            parent, key = node, None
            if len(enclosing) > MAX_NESTING:
                raise TooDeepError(event.start_mark.index)
    return (_node(top[0]) if top else None), anchors.places


@dataclass(slots=True)
class _Anchors:
    """What the anchors of one document name now."""

    nodes: dict[str, _Raw] = field(default_factory=dict)
    places: dict[int, set[_Place]] = field(default_factory=dict)

    def note(self, anchor: str, node: _Raw, place: _Place) -> None:
        """Remember a node with an anchor, or one that an alias names again, and where it stands."""
        self.nodes[anchor] = node
        if isinstance(node, yaml.ScalarEvent):
            self.places.setdefault(id(node), set()).add(place)


def _key(node: _Raw) -> str:
    """Return what `node` is as a key of a mapping; a quoted `<<` merges nothing."""
    if not isinstance(node, yaml.ScalarEvent) or (node.value == _MERGE and node.style):
        return _NO_KEY
    return str(node.value)
