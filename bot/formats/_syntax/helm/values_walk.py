"""Walk through the values of a Helm chart. For each value, record its key path and whether its key names images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum, auto
from typing import NamedTuple

from bot.formats._syntax.yaml.nodes import TooDeepError, YamlDocument, YamlMapping, YamlNode, YamlSequence
from bot.formats._syntax.yaml.split_references import get_text_before
from bot.formats._syntax.yaml.trees import MAX_NESTING

MAX_KEYS_LENGTH = 4000
"""Limit on the characters in the key path of one value, because locators contain the whole path."""
MAX_COMMENT_LINES = 100
"""Limit on the lines between a key and its mapping that are checked."""
_ESCAPES = {ord("~"): "~0", ord("/"): "~1", ord("#"): "~2"}
"""Escapes that make locators unique: two key paths of a document never have the same locator."""


class KeyMeaning(Enum):
    """Whether a key is named like an image (`webImage`), like several images (`webImages`), or not like images."""

    NOTHING = auto()
    IMAGE = auto()
    IMAGES = auto()


class ValuesCollection(NamedTuple):
    """A mapping or sequence among the values of a chart."""

    node: YamlMapping | YamlSequence
    entries: dict[str, YamlNode]
    keys: tuple[str, ...] = ()
    """The key path of the collection, which starts at the mapping of all values."""
    key_meaning: KeyMeaning = KeyMeaning.NOTHING
    """The meaning of the last key in `keys` that is not the index of a list item."""
    is_in_list: bool = False
    """True if a list contains the collection, at any depth."""

    @property
    def is_too_deep(self) -> bool:
        return len(self.keys) > MAX_NESTING or sum(map(len, self.keys)) > MAX_KEYS_LENGTH


class ValuesEntry(NamedTuple):
    """A value of a chart, with its key and the mapping or list that contains it."""

    collection: ValuesCollection
    key: str
    node: YamlNode
    own_collection: ValuesCollection | None
    """The value as a collection, or None if it is a scalar."""


def walk_values(document: YamlDocument, root: YamlNode) -> Iterator[ValuesEntry]:
    """Yield all values below `root`, the mapping of all values.

    Raises TooDeepError if the values are nested too deeply, or the document's nodes are visited too often.
    """
    if not isinstance(root, YamlMapping | YamlSequence):
        return
    pending = [ValuesCollection(root, document.get_entries(root))]
    while pending:
        collection = pending.pop()
        if collection.is_too_deep:  # in practice, it contains an alias to itself
            raise TooDeepError
        is_in_list = collection.is_in_list or isinstance(collection.node, YamlSequence)
        below: list[ValuesCollection] = []
        for key, node in collection.entries.items():
            own_collection = None
            if isinstance(node, YamlMapping | YamlSequence):
                keys, key_meaning = (*collection.keys, key), _get_key_meaning(collection, key)
                own_collection = ValuesCollection(node, document.get_entries(node), keys, key_meaning, is_in_list)
                below.append(own_collection)
            yield ValuesEntry(collection, key, node, own_collection)
        pending += reversed(below)


def build_locator(locator: str, keys: tuple[str, ...]) -> str:
    """Return the locator of a value in a values file, such as `0/web/image/tag` for the keys `web`, `image`, `tag`.

    `keys` lead from the mapping of all values to the value. `locator` is the locator of that mapping.
    """
    return "/".join((locator, *(each.translate(_ESCAPES) for each in keys)))


def _get_key_meaning(collection: ValuesCollection, key: str) -> KeyMeaning:
    """Return whether `key` of `collection` is named like an image, like several images, or not like images.

    If `collection` is a list, `key` is the index of an item, and the result is the meaning of the list's own key.
    """
    if isinstance(collection.node, YamlSequence):
        return collection.key_meaning
    word = key.lower()
    if word.endswith("images"):
        return KeyMeaning.IMAGES
    return KeyMeaning.IMAGE if word.endswith("image") else KeyMeaning.NOTHING


def find_key_line(document: YamlDocument, mapping: YamlMapping) -> int:
    """Return the number of the line that contains the key of a mapping.

    If the mapping starts on a line below its key, the blank lines and comments above the mapping are skipped. The first
    other line above the mapping contains the key.
    """
    source, start = document.source, document.get_start(mapping)
    number = source.get_line_number(start)
    if get_text_before(source, start).strip(b" \t-"):
        return number
    for above in range(number - 1, max(number - MAX_COMMENT_LINES, source.first_line_number) - 1, -1):
        line = source.get_line(above).strip()
        if line and not line.startswith(b"#"):
            return above
    return number


def get_entries_at(document: YamlDocument, root: ValuesCollection, keys: Iterable[str]) -> dict[str, YamlNode]:
    """Return the entries of the mapping at the key path `keys`, or an empty dict if there is no such mapping.

    The path starts at `root`, the mapping of all values.
    """
    entries = root.entries
    for key in keys:
        entries = document.get_entries(entries.get(key))
    return entries
