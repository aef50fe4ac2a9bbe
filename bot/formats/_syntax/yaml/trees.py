"""Build trees of YAML documents from the events of the parser.

PyYAML's composer is not used, because it raises errors for duplicate anchors and keys, which Kubernetes accepts. The
composer also rejects the whole file if an alias has no anchor. Here, such an alias makes only one value unreadable.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

MAX_NESTING = 200
"""Limit on nested collections. Schemas in CustomResourceDefinitions are nested up to about 60 deep, and libyaml stops
at 1000."""

MAX_REPEATED_CHARACTERS = 32 * 1024 * 1024
"""Limit on the characters that the aliases of one document repeat. The limit is four times the size of the largest
file. Each repetition may be searched for an image. The largest compose files repeat a few thousand characters."""

MERGE = "<<"
NO_KEY = "\0"
"""Represents keys that no path can name."""
STRING = "tag:yaml.org,2002:str"
NULL = "tag:yaml.org,2002:null"
_resolve_tag: Callable[..., str] = yaml.resolver.Resolver().resolve
_FIRST_CHARACTERS = frozenset(yaml.resolver.Resolver.yaml_implicit_resolvers)
"""The first characters of plain scalars that might have a type other than string. The empty text is one of them."""
_LOADER: type[yaml.CSafeLoader | yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser of libyaml, or PyYAML's own parser if PyYAML was built without libyaml."""
_SCALAR, _ALIAS = yaml.ScalarEvent, yaml.AliasEvent
_MAPPING, _SEQUENCE = yaml.MappingStartEvent, yaml.SequenceStartEvent
_MAPPING_END, _SEQUENCE_END = yaml.MappingEndEvent, yaml.SequenceEndEvent
_DOCUMENT_START = yaml.DocumentStartEvent
_LIBYAML_TOO_DEEP = "exceeded maximum nesting depth"
"""The message of libyaml for collections that are nested too deeply. libyaml parses ahead of the events that it has
returned."""


class TooDeepError(Exception):
    """A document is nested too deeply, its nodes were visited too often, or its aliases repeat too much text.

    `position` is the index of the character at which parsing stopped. The position is 0 if parsing succeeded, and a
    limit was exceeded later.
    """

    def __init__(self, position: int = 0) -> None:
        self.position = position
        super().__init__(position)


class YamlMapping:
    """A mapping, with its values by key in the order of the file."""

    __slots__ = ("first", "hidden", "last", "values")

    def __init__(self, first: Any) -> None:
        self.first = first
        """The event that started the mapping. `last` is the event that ended it."""
        self.last: Any = None
        self.values: dict[str, StoredNode] = {}
        self.hidden: list[tuple[str, StoredNode]] | None = None
        """The earlier values of keys that occur several times."""


class YamlSequence:
    """A sequence, with its items in the order of the file."""

    __slots__ = ("first", "items", "last")

    def __init__(self, first: Any) -> None:
        self.first = first
        self.last: Any = None
        self.items: list[StoredNode] = []


class YamlScalar(NamedTuple):
    """A scalar. Its value is a string here, even if YAML reads it as another type such as a number (see `tag`)."""

    event: yaml.ScalarEvent

    @property
    def value(self) -> str:
        return str(self.event.value)

    @property
    def text(self) -> str:
        """The text to read as an image reference: the value, stripped if it is a block scalar (`|` or `>`)."""
        return self.value.strip() if self.is_block else self.value

    @property
    def style(self) -> str:
        """The opening quote, or `|` or `>` for a block scalar. Empty for a plain scalar."""
        return self.event.style or ""

    @property
    def is_block(self) -> bool:
        return self.style in {"|", ">"}

    @property
    def tag(self) -> str:
        """The type that YAML gives to a plain scalar, such as STRING or NULL.

        The type is always STRING for a scalar with quotes or an explicit tag.
        """
        event = self.event
        if event.style or event.tag is not None or event.value[:1] not in _FIRST_CHARACTERS:
            return STRING
        return _resolve_tag(yaml.ScalarNode, event.value, (True, False))


StoredNode = YamlMapping | YamlSequence | yaml.ScalarEvent | None
"""A node as it is stored in a collection. Scalars are stored as parser events, because most of them are never read."""
YamlNode = YamlMapping | YamlSequence | YamlScalar | None
"""A node. None is an alias without an anchor."""
NodePosition = tuple[int, str | None]
"""The `id` of a collection, and the key of a value in a mapping. The key is None for an item of a sequence."""


class YamlTree(NamedTuple):
    """The nodes of one parsed document. A tree is never changed after parsing."""

    root: YamlNode
    anchored_positions: dict[int, set[NodePosition]]
    """All positions of each scalar with an anchor: its own position and the positions of its aliases. The key is the
    `id` of the scalar's event."""


def wrap_node(stored: StoredNode) -> YamlNode:
    """Return `stored`, a value or item of a collection, as a `YamlNode`.

    A collection stores a scalar as an event of the parser, and a `YamlScalar` is created only here. This saves time,
    because most scalars are never read.
    """
    return YamlScalar(stored) if isinstance(stored, yaml.ScalarEvent) else stored


def get_character_range(node: YamlNode) -> tuple[int, int]:
    """Return the start and end of `node` as indices into the section's text. Anchor, tag and quotes are included.

    The result is (0, 0) for an alias whose anchor does not exist, because such an alias has no node.
    """
    first: Any
    last: Any
    match node:
        case None:
            return 0, 0
        case YamlScalar():
            first = last = node.event
        case _:
            first, last = node.first, node.last
    return first.start_mark.index, last.end_mark.index


def read_trees(text: str) -> Iterator[YamlTree]:
    """Yield the documents of `text`.

    Raises YAMLError if the YAML is invalid, and TooDeepError if it is nested too deeply or if its aliases repeat too
    much text. PyYAML's own parser, which is used if libyaml is missing, also raises ValueError and OverflowError.
    """
    next_event: Callable[[], Any] = _LOADER(text).get_event
    while (event := next_event()) is not None:
        if type(event) is _DOCUMENT_START:
            yield _TreeBuilder(next_event).read_document()


class _TreeBuilder:
    """Builds the tree of one document from the events of the parser.

    There is a loop for each kind of collection, because most events are plain keys and values, for which these loops do
    little. Most of the time for reading YAML is spent here.
    """

    __slots__ = ("_anchors", "_depth", "_next_event")

    def __init__(self, next_event: Callable[[], Any]) -> None:
        self._next_event = next_event
        self._anchors = _AnchorTable()
        self._depth = 0
        """The number of collections that contain the next node."""

    def read_document(self) -> YamlTree:
        """Return the document whose start was the last event."""
        root = self._read_node(self._next_event(), None, None)
        self._next_event()  # the end of the document, before which the parser may find an error
        return YamlTree(wrap_node(root), self._anchors.positions)

    def _read_node(self, event: Any, parent: YamlMapping | YamlSequence | None, key: str | None) -> StoredNode:
        """Return the node that starts with `event`, at `key` of `parent`. The key is None for an item or a key."""
        kind = type(event)
        node: Any = event
        if kind is _MAPPING:
            node = YamlMapping(event)
        elif kind is _SEQUENCE:
            node = YamlSequence(event)
        elif kind is _ALIAS:
            node = self._anchors.repeat_node(event)
        if event.anchor is not None:
            self._anchors.record_node(event.anchor, node, (id(parent), key))
        if kind is _MAPPING or kind is _SEQUENCE:
            self._depth += 1
            if self._depth > MAX_NESTING:
                raise TooDeepError(event.start_mark.index)
            node.last = self._read_pairs(node) if kind is _MAPPING else self._read_items(node)
            self._depth -= 1
        stored: StoredNode = node
        return stored

    def _read_pairs(self, mapping: YamlMapping) -> Any:
        """Read the keys and values of `mapping`, and return the event that ends it."""
        next_event, values = self._next_event, mapping.values
        while True:
            event = next_event()
            if type(event) is _SCALAR and event.anchor is None:
                key = event.value
                if key == MERGE and event.style:
                    key = NO_KEY  # a quoted `<<` is not a merge key
            elif type(event) is _MAPPING_END:
                return event
            else:
                key = _get_key(self._read_node(event, mapping, None))
            event = next_event()
            is_plain = type(event) is _SCALAR and event.anchor is None
            value = event if is_plain else self._read_node(event, mapping, key)
            if key in values:
                mapping.hidden = mapping.hidden or []
                mapping.hidden.append((key, values[key]))
            values[key] = value

    def _read_items(self, sequence: YamlSequence) -> Any:
        """Read the items of `sequence`, and return the event that ends it."""
        next_event, items = self._next_event, sequence.items
        while type(event := next_event()) is not _SEQUENCE_END:
            is_plain = type(event) is _SCALAR and event.anchor is None
            items.append(event if is_plain else self._read_node(event, sequence, None))
        return event


def _get_key(node: StoredNode) -> str:
    if isinstance(node, yaml.ScalarEvent) and (node.value != MERGE or not node.style):
        return str(node.value)
    return NO_KEY


@dataclass(slots=True)
class _AnchorTable:
    """The anchors of a document during parsing: the current node of each anchor, and the positions of anchored scalars.

    The positions of a scalar are its own position and those of the aliases that repeat it.
    """

    nodes: dict[str, StoredNode] = field(default_factory=dict)
    positions: dict[int, set[NodePosition]] = field(default_factory=dict)
    _alias_starts: list[int] = field(default_factory=list)
    """The position of each alias in the text."""
    _repeated_totals: list[int] = field(default_factory=lambda: [0])
    """The number of characters that the first 0, 1, … aliases repeat."""

    def repeat_node(self, alias: Any) -> StoredNode:
        """Return the node that the event `alias` repeats, or None if the anchor does not exist.

        Raises TooDeepError if the aliases of the document repeat too many characters.
        """
        node = self.nodes.get(alias.anchor)
        if node is None:
            return None
        start, end = _get_range(node, alias.start_mark.index)
        first, last = bisect_left(self._alias_starts, start), bisect_left(self._alias_starts, end)
        repeated = end - start + self._repeated_totals[last] - self._repeated_totals[first]
        self._alias_starts.append(alias.start_mark.index)
        self._repeated_totals.append(self._repeated_totals[-1] + repeated)
        if self._repeated_totals[-1] > MAX_REPEATED_CHARACTERS:
            raise TooDeepError(alias.start_mark.index)
        return node

    def record_node(self, anchor: str, node: StoredNode, position: NodePosition) -> None:
        """Record that `node` is at `position`, with the anchor `anchor` or as an alias of this anchor."""
        self.nodes[anchor] = node
        if isinstance(node, yaml.ScalarEvent):
            self.positions.setdefault(id(node), set()).add(position)


def _get_range(node: Any, open_end: int) -> tuple[int, int]:
    """Return the start and end of a node in the text. The end of a collection that is not complete is `open_end`."""
    is_scalar = type(node) is yaml.ScalarEvent
    first: Any = node if is_scalar else node.first
    last: Any = node if is_scalar else node.last
    return first.start_mark.index, open_end if last is None else last.end_mark.index


def is_too_deep(error: Exception) -> bool:
    """Return True if an error of `read_trees` means that a document is nested too deeply."""
    return isinstance(error, TooDeepError) or getattr(error, "problem", None) == _LIBYAML_TOO_DEEP


def find_error_position(error: Exception, text: str) -> int:
    """Return the index of the character at which parsing failed.

    If a quote or bracket is not closed, the parser notices this only at the end of the text. The result is then the
    start of the unclosed part.
    """
    problem, context = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    if problem is None:
        return int(getattr(error, "position", 0))
    is_at_end = problem.index >= len(text.rstrip())
    return int(context.index if is_at_end and context is not None else problem.index)
