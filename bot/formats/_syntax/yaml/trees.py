"""Build trees of YAML documents from the events of the parser.

PyYAML's composer is not used: it raises for duplicate anchors and keys, which Kubernetes accepts, and an alias without
an anchor should lose one value, not the whole file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

MAX_NESTING = 200
"""Limit on nested collections: schemas in CustomResourceDefinitions nest some 60 deep, and libyaml stops at 1000."""

MERGE = "<<"
NO_KEY = "\0"
"""Stands for keys that no path can name."""
STRING = "tag:yaml.org,2002:str"
NULL = "tag:yaml.org,2002:null"
_resolve_tag: Callable[..., str] = yaml.resolver.Resolver().resolve
_LOADER: type[yaml.CSafeLoader | yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser, or PyYAML's own if PyYAML was built without libyaml."""


class TooDeepError(Exception):
    """A document exceeds a limit on nesting or repetition; `position` is the character at which a parser found that."""

    def __init__(self, position: int = 0) -> None:
        self.position = position
        super().__init__(position)


class YamlMapping:
    """Values by key, in order."""

    __slots__ = ("first", "hidden", "last", "values")

    def __init__(self, first: Any) -> None:
        self.first = first
        """The event that began the mapping; `last` is the event that ended it."""
        self.last: Any = None
        self.values: dict[str, StoredNode] = {}
        self.hidden: list[tuple[str, StoredNode]] | None = None
        """Values of keys that occur again later."""


class YamlSequence:
    """Items in order."""

    __slots__ = ("first", "items", "last")

    def __init__(self, first: Any) -> None:
        self.first = first
        self.last: Any = None
        self.items: list[StoredNode] = []


class YamlScalar(NamedTuple):
    """A scalar; YAML may resolve its text to another type."""

    event: yaml.ScalarEvent

    @property
    def value(self) -> str:
        return str(self.event.value)

    @property
    def text(self) -> str:
        """The value as a reference: for a block scalar, without the line breaks around it."""
        return self.value.strip() if self.is_block else self.value

    @property
    def style(self) -> str:
        """The quote, `|`, `>`, or empty for a plain scalar."""
        return self.event.style or ""

    @property
    def is_block(self) -> bool:
        return self.style in {"|", ">"}

    @property
    def tag(self) -> str:
        """The type that YAML resolves the scalar to; a scalar with quotes or an explicit tag is a STRING here."""
        is_plain = not self.style and self.event.tag is None
        return _resolve_tag(yaml.ScalarNode, self.value, (True, False)) if is_plain else STRING


StoredNode = YamlMapping | YamlSequence | yaml.ScalarEvent | None
"""A stored node: scalars stay parser events, since most of them are never looked at."""
YamlNode = YamlMapping | YamlSequence | YamlScalar | None
"""None is an alias without an anchor."""
NodePosition = tuple[int, str | None]
"""The `id` of a collection, and the key in it."""


class YamlTree(NamedTuple):
    """One document; immutable once it is built."""

    root: YamlNode
    anchored_positions: dict[int, set[NodePosition]]
    """By the `id` of a scalar event with an anchor: all positions of the scalar, its own and those of its aliases."""


def wrap_node(raw: StoredNode) -> YamlNode:
    """Return a stored node as a node, with events wrapped in scalars."""
    return YamlScalar(raw) if isinstance(raw, yaml.ScalarEvent) else raw


def read_trees(text: str) -> Iterator[YamlTree]:
    """Yield the documents of `text`. Raises YAMLError and TooDeepError; PyYAML's own parser also other ValueErrors."""
    next_event: Callable[[], Any] = _LOADER(text).get_event
    while (event := next_event()) is not None:
        if type(event) is yaml.DocumentStartEvent:
            yield _build_tree(next_event)


def _build_tree(next_event: Callable[[], Any]) -> YamlTree:  # noqa: C901, PLR0912 - the hot loop of reading YAML; not split up
    """Build the tree of one document from its events."""
    anchors = _AnchorTable()
    parent: Any = YamlSequence(None)
    top = items = parent.items
    values: Any = None
    key: str | None = None
    enclosing: list[tuple[Any, str | None]] = []
    while True:
        event: Any = next_event()
        kind = type(event)
        if kind is yaml.ScalarEvent:
            node = event
        elif kind is yaml.MappingStartEvent:
            node = YamlMapping(event)
        elif kind is yaml.SequenceStartEvent:
            node = YamlSequence(event)
        elif kind is yaml.AliasEvent:
            node = anchors.nodes.get(event.anchor)
        elif kind is yaml.DocumentEndEvent:
            return YamlTree(wrap_node(top[0]) if top else None, anchors.positions)
        else:
            parent.last = event
            parent, key = enclosing.pop()
            items, values = (parent.items, None) if type(parent) is YamlSequence else (None, parent.values)
            continue
        if event.anchor is not None:
            anchors.record_node(event.anchor, node, (id(parent), key))
        if items is not None:
            items.append(node)
        elif key is None:
            is_named = type(node) is yaml.ScalarEvent and (node.value != MERGE or not node.style)
            key = node.value if is_named else NO_KEY  # a quoted `<<` is not a merge key
        else:
            if key in values:
                parent.hidden = parent.hidden or []
                parent.hidden.append((key, values[key]))
            values[key] = node
            key = None
        if kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            enclosing.append((parent, key))
            if len(enclosing) > MAX_NESTING:
                raise TooDeepError(event.start_mark.index)
            parent, key = node, None
            items, values = (node.items, None) if kind is yaml.SequenceStartEvent else (None, node.values)


@dataclass(slots=True)
class _AnchorTable:
    """The nodes that the anchors of one document currently name."""

    nodes: dict[str, StoredNode] = field(default_factory=dict)
    positions: dict[int, set[NodePosition]] = field(default_factory=dict)

    def record_node(self, anchor: str, node: StoredNode, position: NodePosition) -> None:
        """Record a node with an anchor, or one that an alias repeats, and its position."""
        self.nodes[anchor] = node
        if isinstance(node, yaml.ScalarEvent):
            self.positions.setdefault(id(node), set()).add(position)
