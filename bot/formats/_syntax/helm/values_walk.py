"""Walk the values of a Helm chart, each with the keys down to it and what these keys mean."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple

from bot.formats._syntax.yaml.nodes import TooDeepError, YamlDocument, YamlMapping, YamlNode, YamlSequence
from bot.formats._syntax.yaml.trees import MAX_NESTING

MAX_KEYS_LENGTH = 4000
"""Limit on the characters of the keys down to one value, since locators hold all of them."""
_ESCAPES = {ord("~"): "~0", ord("/"): "~1", ord("#"): "~2"}
"""Makes locators unique: two key paths of a document never have the same one."""


class KeyContext(Enum):
    """Whether the key around a value names an image, images, or neither."""

    NOTHING = auto()
    IMAGE = auto()
    IMAGES = auto()


class ValuesCollection(NamedTuple):
    """A mapping or sequence that is entered on the walk through the values."""

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
    """The collection that the value is; None for a scalar."""


def walk_values(document: YamlDocument, root: YamlNode) -> Iterator[ValuesEntry]:
    """Yield all values below `root`, the mapping of values. Raises TooDeepError."""
    if not isinstance(root, YamlMapping | YamlSequence):
        return
    pending = [ValuesCollection(root, dict(document.list_entries(root)))]
    while pending:
        collection = pending.pop()
        if collection.is_too_deep:  # in practice an alias to a collection that contains it
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
    """Return the locator of the value under `keys`, below the locator of the mapping of values."""
    return "/".join((locator, *(each.translate(_ESCAPES) for each in keys)))


def _get_context(collection: ValuesCollection, key: str) -> KeyContext:
    """Return the context of a key; the items of a list have the context of the list."""
    if isinstance(collection.node, YamlSequence):
        return collection.context
    word = key.lower()
    if word.endswith("images"):
        return KeyContext.IMAGES
    return KeyContext.IMAGE if word.endswith("image") else KeyContext.NOTHING
