"""Find the images among the values of a matrix, from the texts that use the values as images."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import NamedTuple, assert_never

from bot.formats._syntax.reference_positions import TEMPLATE_MARKS
from bot.formats._syntax.yaml.image_locations import ImageLocation, ImageLock
from bot.formats._syntax.yaml.image_matrix import ImageMatrix
from bot.formats._syntax.yaml.key_paths import ALL_ITEMS, KeyPath
from bot.formats._syntax.yaml.nodes import STRING, YamlDocument, YamlMapping, YamlNode, YamlScalar, YamlSequence
from bot.model.errors import InvalidReferenceError
from bot.model.image_name import ImageName
from bot.model.vocabulary import Reason

_IMAGE_KEY = re.compile(r".*image", re.IGNORECASE | re.DOTALL)
_UNUSED = ImageLock(Reason.UNKNOWN_FIELD, "no job of the file uses this value of its matrix as an image")
_OTHER_USE = ImageLock(Reason.SHARED_ARGUMENT, "the file also uses this value of the matrix for another purpose")
Walk = Callable[[YamlNode, KeyPath, str], Iterator[tuple[str, YamlNode]]]
"""Yields the nodes at a path below a node, with their locators, and records them as visited."""


class MatrixUse(NamedTuple):
    """A text at a location of an image that may use a value of a matrix."""

    locator: str
    start: int
    """The offset of the text in the file."""
    text: str
    location: ImageLocation


class MatrixValue(NamedTuple):
    """A value of a matrix that may be an image."""

    locator: str
    node: YamlNode
    location: ImageLocation


class MatrixImages(NamedTuple):
    """The images in the matrices of a document."""

    values: list[MatrixValue]
    answered_locators: set[str]
    """The locators of the texts whose images are all in `values`."""


def find_matrix_images(
    document: YamlDocument, matrix: ImageMatrix, uses: Iterable[MatrixUse], walk: Walk
) -> MatrixImages:
    """Return the images in the matrices of a document.

    Raises TooDeepError if the document's nodes are visited too often.
    """
    uses_by_scope: dict[str, list[tuple[str, MatrixUse]]] = defaultdict(list)
    for use in uses:
        name = _find_name(matrix.use, use.text)
        if name:
            scope_locator = "/".join(use.locator.split("/")[: len(matrix.scope) + 1])
            uses_by_scope[scope_locator].append((_normalize(matrix, name), use))
    images = MatrixImages([], set())
    for locator, scope in walk(document.root, matrix.scope, str(document.index)):
        search = _MatrixSearch(document, matrix, scope, uses_by_scope[locator])
        images.values.extend(search.find_values(walk, locator))
        images.answered_locators.update(search.answered_locators)
    return images


class _MatrixKey(NamedTuple):
    """The values under one key of a matrix, at one of the paths of a matrix."""

    path_index: int
    start: int
    """The offset of the node in the file."""
    locator: str
    node: YamlNode


class _MatrixSearch:
    """Finds the images in the matrices of one scope."""

    def __init__(
        self,
        document: YamlDocument,
        matrix: ImageMatrix,
        scope: YamlNode,
        uses: Iterable[tuple[str, MatrixUse]],
    ) -> None:
        self.answered_locators: set[str] = set()
        self._document = document
        self._matrix = matrix
        self._scope = scope
        self._mentions: Counter[str] | None = None
        self._uses: dict[str, dict[KeyPath, list[MatrixUse]]] = defaultdict(lambda: defaultdict(list))
        for name, use in uses:
            key, *below = name.split(".")
            self._uses[key][tuple(below)].append(use)

    def find_values(self, walk: Walk, locator: str) -> Iterator[MatrixValue]:
        """Yield the images in the matrices of the scope, and record the texts that they answer."""
        entries_by_key = self._find_keys(walk, locator)
        if not entries_by_key:
            return
        compared_keys = self._list_compared_keys()
        title_lock = self._find_title_lock()
        for key, entries in entries_by_key.items():
            if key not in self._uses:
                for entry in entries:
                    yield from self._find_unused(entry)
                continue
            lock = self._find_lock(key, entries, compared_keys)
            for entry in entries:
                yield from self._find_used(self._uses[key], entry, lock or title_lock, is_shared=lock is not None)

    def _find_keys(self, walk: Walk, locator: str) -> dict[str, list[_MatrixKey]]:
        """Return the keys whose values may be images, by their names."""
        entries_by_key: dict[str, list[_MatrixKey]] = defaultdict(list)
        for index, path in enumerate(self._matrix.value_paths):
            for at, mapping in walk(self._scope, path, locator):
                for key in self._document.list_keys(mapping):
                    name = _normalize(self._matrix, key)
                    if name in self._uses or _IMAGE_KEY.fullmatch(key):
                        for value_locator, value in self._document.list_children(mapping, key, at):
                            start = self._document.get_start(value)
                            entries_by_key[name].append(_MatrixKey(index, start, value_locator, value))
        return entries_by_key

    def _find_used(
        self, uses: Mapping[KeyPath, list[MatrixUse]], entry: _MatrixKey, lock: ImageLock | None, *, is_shared: bool
    ) -> Iterator[MatrixValue]:
        can_answer = not (is_shared and self._matrix.are_keys_mentions) and not self._has_computed_values()
        for path, path_uses in uses.items():
            for locator, node in self._list_texts(entry.locator, entry.node, path):
                is_pinned = isinstance(node, YamlScalar) and "@" in node.value
                own_lock = None if is_pinned and not is_shared else lock
                location = path_uses[0].location._replace(find_lock=partial(_return_lock, own_lock))
                yield MatrixValue(locator, node, location)
                if can_answer:
                    self.answered_locators.update(use.locator for use in path_uses)

    def _find_unused(self, entry: _MatrixKey) -> Iterator[MatrixValue]:
        for locator, node in self._list_texts(entry.locator, entry.node, ()):
            if isinstance(node, YamlScalar) and node.tag == STRING and _has_version(node.value):
                yield MatrixValue(locator, node, _UNUSED_LOCATION)

    def _list_texts(self, locator: str, node: YamlNode, path: KeyPath) -> Iterator[tuple[str, YamlNode]]:
        """Yield the texts at `path` below each value of a key, which is a single value or a list of values."""
        match node:
            case YamlSequence():
                for item_locator, item in self._document.list_children(node, ALL_ITEMS, locator):
                    if not isinstance(item, YamlSequence):
                        yield from self._list_texts(item_locator, item, path)
            case YamlMapping() if path:
                for key in self._document.list_keys(node):
                    if _normalize(self._matrix, key) == path[0]:
                        for value_locator, value in self._document.list_children(node, key, locator):
                            yield from self._list_texts(value_locator, value, path[1:])
            case YamlScalar() if not path:
                yield locator, node
            case YamlMapping() | YamlScalar() | None:
                return
            case _:
                assert_never(node)

    def _find_lock(self, key: str, entries: Sequence[_MatrixKey], compared_keys: AbstractSet[str]) -> ImageLock | None:
        """Return the lock for the values of a key that are also used for something else than images."""
        matrix = self._matrix
        if self._mentions is None:
            self._mentions = _count_mentions(self._document, matrix, self._scope)
        # Nodes behind aliases are counted once, as their text is.
        starts = {use.start for uses in self._uses[key].values() for use in uses}
        expected = len(starts) + (len({entry.start for entry in entries}) if matrix.are_keys_mentions else 0)
        is_compared = key in compared_keys or len({entry.path_index for entry in entries}) > 1
        return _OTHER_USE if is_compared or self._mentions[key] + self._mentions[""] > expected else None

    def _list_compared_keys(self) -> AbstractSet[str]:
        return {
            _normalize(self._matrix, key)
            for path in self._matrix.compared_paths
            for _, mapping in self._document.walk(self._scope, path, "")
            for key in self._document.list_keys(mapping)
        }

    def _find_title_lock(self) -> ImageLock | None:
        title_key = self._matrix.title_key
        has_title = not title_key or title_key in self._document.list_keys(self._scope)
        return None if has_title else ImageLock(Reason.SHARED_ARGUMENT, self._matrix.title_note)

    def _has_computed_values(self) -> bool:
        """Return True if an expression computes the whole matrix, or all items of one of its lists."""
        parents = {path[:-1] if path[-1] == ALL_ITEMS else path for path in self._matrix.value_paths}
        return any(
            isinstance(node, YamlScalar)
            for parent in parents
            for _, node in self._document.walk(self._scope, parent, "")
        )


def _normalize(matrix: ImageMatrix, name: str) -> str:
    return name.lower() if matrix.use.flags & re.IGNORECASE else name


def _count_mentions(document: YamlDocument, matrix: ImageMatrix, scope: YamlNode) -> Counter[str]:
    """Return how often the texts in a scope mention each name; the empty name stands for all names.

    A node that several aliases repeat is counted once. Raises TooDeepError if the document's nodes are visited too
    often.
    """
    counts: Counter[str] = Counter()
    visited_ids: set[int] = set()
    pending: list[YamlNode] = [scope]
    while pending:
        node = pending.pop()
        identity = id(node.event) if isinstance(node, YamlScalar) else id(node)
        if identity in visited_ids:
            continue
        visited_ids.add(identity)
        if isinstance(node, YamlScalar):
            names = (next(filter(None, match.groups()), "") for match in matrix.mention.finditer(node.value))
            counts.update(_normalize(matrix, name) for name in names)
        else:
            entries = document.get_entries(node)
            pending += entries.values()
            if matrix.are_keys_mentions and isinstance(node, YamlMapping):
                counts.update(_normalize(matrix, key) for key in entries)
    return counts


def _find_name(use: re.Pattern[str], text: str) -> str:
    match = use.fullmatch(text.strip())
    return next(filter(None, match.groups()), "") if match is not None else ""


def _has_version(text: str) -> bool:
    """Return True if a text is an image reference with a tag or a digest."""
    if TEMPLATE_MARKS.search(text):
        return False
    try:
        image = ImageName.parse(text)
    except InvalidReferenceError:
        return False
    return (image.tag is not None or image.digest is not None) and ("/" in image.name or "." not in image.name)


def _return_lock(lock: ImageLock | None, _document: YamlDocument, _node: YamlNode, _locator: str) -> ImageLock | None:
    return lock


_UNUSED_LOCATION = ImageLocation((), find_lock=partial(_return_lock, _UNUSED))
