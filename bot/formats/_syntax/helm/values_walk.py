"""Walk through the values of a Helm chart. Each value has its key path and the meaning of its keys."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple

from bot.formats._syntax.yaml.nodes import TooDeepError, YamlDocument, YamlMapping, YamlNode, YamlSequence
from bot.formats._syntax.yaml.trees import MAX_NESTING

MAX_KEYS_LENGTH = 4000
"""Limit on the characters in the key path of one value, because locators contain the whole path."""
_ESCAPES = {ord("~"): "~0", ord("/"): "~1", ord("#"): "~2"}
"""Escapes that make locators unique: two key paths of a document never have the same locator."""


class KeyContext(Enum):
    """Whether the key that contains a value names an image, several images, or neither."""

    NOTHING = auto()
    IMAGE = auto()
    IMAGES = auto()


class ValuesCollection(NamedTuple):
    """A mapping or sequence whose values are walked through."""

    node: YamlMapping | YamlSequence
    entries: dict[str, YamlNode]
    keys: tuple[str, ...] = ()
    context: KeyContext = KeyContext.NOTHING
    is_in_list: bool = False

    @property
    def is_too_deep(self) -> bool:
        return len(self.keys) > MAX_NESTING or sum(map(len, self.keys)) > MAX_KEYS_LENGTH


class ValuesEntry(NamedTuple):
    """A value under a key of a mapping, or an item of a sequence."""

    collection: ValuesCollection
    key: str
    node: YamlNode
    own_collection: ValuesCollection | None
    """The value as a collection, or None if it is a scalar."""


def walk_values(document: YamlDocument, root: YamlNode) -> Iterator[ValuesEntry]:
    """Yield all values below `root`, the mapping of all values. Raises TooDeepError."""
    if not isinstance(root, YamlMapping | YamlSequence):
        return
    pending = [ValuesCollection(root, dict(document.list_entries(root)))]
    while pending:
        collection = pending.pop()
        if collection.is_too_deep:  # in practice, an alias to a collection that contains the alias
            raise TooDeepError
        is_in_list = collection.is_in_list or isinstance(collection.node, YamlSequence)
        below: list[ValuesCollection] = []
        for key, node in collection.entries.items():
            own_collection = None
            if isinstance(node, YamlMapping | YamlSequence):
                keys, context = (*collection.keys, key), _get_context(collection, key)
                own_collection = ValuesCollection(node, dict(document.list_entries(node)), keys, context, is_in_list)
                below.append(own_collection)
            yield ValuesEntry(collection, key, node, own_collection)
        pending += reversed(below)


def build_locator(locator: str, keys: tuple[str, ...]) -> str:
    """Return the locator of the value with the key path `keys`.

    `locator` is the locator of the mapping of all values.
    """
    return "/".join((locator, *(each.translate(_ESCAPES) for each in keys)))


def _get_context(collection: ValuesCollection, key: str) -> KeyContext:
    """Return the context of a key. The items of a list have the context of the list."""
    if isinstance(collection.node, YamlSequence):
        return collection.context
    word = key.lower()
    if word.endswith("images"):
        return KeyContext.IMAGES
    return KeyContext.IMAGE if word.endswith("image") else KeyContext.NOTHING
