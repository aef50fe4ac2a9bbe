"""Writes files of bbolt, the key-value store in which Trivy keeps its vulnerability database.

The format is version 2 of https://github.com/etcd-io/bbolt (internal/common: page.go, meta.go, bucket.go). A file
consists of pages of one size. Two meta pages contain the page numbers of the root bucket and of the free list. Every
bucket is a B+tree of leaf and branch pages, whose elements are sorted by key. All numbers are little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

PAGE_SIZE = 4096
"""The size of a page in bytes. Readers find the size in the meta page. bbolt itself uses the size of the machine's
memory pages.
"""
MAGIC = 0xED0CDAED
VERSION = 2

_PAGE_HEADER = struct.Struct("<QHHI")  # page, kind, number of elements, number of further pages
_LEAF_ELEMENT = struct.Struct("<IIII")  # flags, distance to the key, size of the key, size of the value
_BRANCH_ELEMENT = struct.Struct("<IIQ")  # distance to the key, size of the key, page of the child
_BUCKET = struct.Struct("<QQ")  # root page, sequence
_META = struct.Struct("<IIIIQQQQQ")  # magic, version, page size, flags, root bucket, free list, page count, transaction
_CHECKSUM = struct.Struct("<Q")

_BRANCH_PAGE, _LEAF_PAGE, _META_PAGE, _FREE_LIST_PAGE = 0x01, 0x02, 0x04, 0x10
_IS_BUCKET = 0x01
_META_PAGES = (0, 1)
_FREE_LIST = 2
_FIRST_FREE = 3

Bucket = Mapping[str, "bytes | Bucket"]
"""A bucket. Each key has a value or a nested bucket."""


@dataclass(frozen=True, slots=True)
class _LeafElement:
    """An element of a leaf page: a key and its value."""

    key: bytes
    value: bytes
    flags: int = 0

    @property
    def size(self) -> int:
        return _LEAF_ELEMENT.size + len(self.key) + len(self.value)


@dataclass(frozen=True, slots=True)
class _BranchElement:
    """An element of a branch page: the number of a child page, and the first key in that page."""

    key: bytes
    page: int

    @property
    def size(self) -> int:
        return _BRANCH_ELEMENT.size + len(self.key)


_Element = TypeVar("_Element", _LeafElement, _BranchElement)


def encode_database(root: Bucket) -> bytes:
    """Return the content of a bbolt file whose root bucket is `root`."""
    writer = _PageWriter()
    return writer.finish(writer.write_bucket(root))


class _PageWriter:
    """Writes the pages of a file.

    A tree is written from its leaves up, because a branch page contains the numbers of its child pages.
    """

    def __init__(self) -> None:
        self._pages = bytearray(_FIRST_FREE * PAGE_SIZE)

    def write_bucket(self, content: Bucket) -> int:
        """Write a bucket and its nested buckets, and return the number of the bucket's root page."""
        items = [self._build_leaf_element(key.encode(), content[key]) for key in sorted(content, key=str.encode)]
        level = [
            _BranchElement(
                group[0].key if group else b"", self._append_page(_LEAF_PAGE, len(group), _encode_leaf(group))
            )
            for group in _split_into_pages(items) or [[]]
        ]
        while len(level) > 1:
            level = [
                _BranchElement(group[0].key, self._append_page(_BRANCH_PAGE, len(group), _encode_branch(group)))
                for group in _split_into_pages(level)
            ]
        return level[0].page

    def finish(self, root_page: int) -> bytes:
        """Write the meta pages and the list of free pages, and return the whole file.

        `root_page` is the number of the root bucket's root page.
        """
        count = len(self._pages) // PAGE_SIZE
        self._write_at(_FREE_LIST, _PAGE_HEADER.pack(_FREE_LIST, _FREE_LIST_PAGE, 0, 0))
        for transaction in _META_PAGES:
            meta = _META.pack(MAGIC, VERSION, PAGE_SIZE, 0, root_page, 0, _FREE_LIST, count, transaction)
            header = _PAGE_HEADER.pack(transaction, _META_PAGE, 0, 0)
            self._write_at(transaction, header + meta + _CHECKSUM.pack(compute_fnv_1a(meta)))
        return bytes(self._pages)

    def _build_leaf_element(self, key: bytes, value: bytes | Bucket) -> _LeafElement:
        if isinstance(value, bytes):
            return _LeafElement(key, value)
        return _LeafElement(key, _BUCKET.pack(self.write_bucket(value), 0), _IS_BUCKET)

    def _append_page(self, kind: int, element_count: int, body: bytes) -> int:
        """Append `body` as one page, or as several if it is too long, and return the first page number.

        `kind` is the page type of bbolt, and `element_count` is the number of elements in `body`.
        """
        number = len(self._pages) // PAGE_SIZE
        needed = -(-(_PAGE_HEADER.size + len(body)) // PAGE_SIZE)
        self._pages += bytes(needed * PAGE_SIZE)
        self._write_at(number, _PAGE_HEADER.pack(number, kind, element_count, needed - 1) + body)
        return number

    def _write_at(self, number: int, content: bytes) -> None:
        start = number * PAGE_SIZE
        self._pages[start : start + len(content)] = content


def _split_into_pages(elements: Sequence[_Element]) -> list[list[_Element]]:
    """Split elements into groups, one for each page.

    Every group before the last has at least two elements, even if two long keys need more than one page. If a page
    could have a single element, a level of the tree could have as many pages as the level below it. The tree would then
    never get a single root page.
    """
    groups: list[list[_Element]] = []
    room = 0
    for element in elements:
        if not groups or (element.size > room and len(groups[-1]) > 1):
            groups.append([])
            room = PAGE_SIZE - _PAGE_HEADER.size
        groups[-1].append(element)
        room -= element.size
    return groups


def _encode_leaf(items: Sequence[_LeafElement]) -> bytes:
    return _encode_body(
        [item.key + item.value for item in items],
        lambda number, distance: _LEAF_ELEMENT.pack(
            items[number].flags, distance, len(items[number].key), len(items[number].value)
        ),
    )


def _encode_branch(children: Sequence[_BranchElement]) -> bytes:
    return _encode_body(
        [child.key for child in children],
        lambda number, distance: _BRANCH_ELEMENT.pack(distance, len(children[number].key), children[number].page),
    )


def _encode_body(contents: Sequence[bytes], encode_element: Callable[[int, int], bytes]) -> bytes:
    """Return the body of a page: the fixed-size headers of all elements, followed by their keys and values.

    `contents` are the joined key and value of each element. `encode_element` returns the header of an element. Its
    arguments are the index of the element, and the distance in bytes from the start of the header to the content.
    """
    return b"".join([*_encode_elements(contents, encode_element), *contents])


def _encode_elements(contents: Sequence[bytes], encode_element: Callable[[int, int], bytes]) -> Iterator[bytes]:
    distance = _LEAF_ELEMENT.size * len(contents)
    for number, content in enumerate(contents):
        yield encode_element(number, distance)
        distance += len(content) - _LEAF_ELEMENT.size


def compute_fnv_1a(content: bytes) -> int:
    """Return the 64-bit FNV-1a hash of `content`. bbolt uses it as the checksum of a meta page."""
    value = 0xCBF29CE484222325
    for byte in content:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value
