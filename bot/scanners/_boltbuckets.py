"""Reads the names of the outermost buckets of a bbolt file, and nothing else of it: that may be a gigabyte.

The format is version 2 of https://github.com/etcd-io/bbolt (internal/common: page.go, meta.go). A page begins with its
number, its kind, how many elements it has and how many further pages belong to it. Two meta pages say where the root
bucket begins; that is a B+tree whose leaves hold keys with values or with buckets. All numbers are little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAX_PAGES = 1000
"""Of the root bucket: a vulnerability database has some hundred releases, whose names fit a dozen pages."""
MAX_PAGE_BYTES = 16 * 1024 * 1024
"""Of one page with those that belong to it; small buckets are kept inside their parent's page, large ones never."""
_PAGE_SIZES = tuple(2**power for power in range(9, 17))
"""What bbolt can have taken from an operating system."""

_MAGIC, _VERSION = 0xED0CDAED, 2
_HEADER = struct.Struct("<QHHI")
_META = struct.Struct("<IIIIQQQQQ")
_CHECKSUM = struct.Struct("<Q")
_LEAF_ELEMENT = struct.Struct("<IIII")
_BRANCH_ELEMENT = struct.Struct("<IIQ")
_BRANCH_PAGE, _LEAF_PAGE = 0x01, 0x02
_IS_BUCKET = 0x01


class BrokenDatabaseError(ValueError):
    """A file that is no bbolt database, or a damaged one."""


@dataclass(frozen=True, slots=True)
class _Meta:
    page_size: int
    root: int
    transaction: int


def bucket_names(path: Path) -> frozenset[str]:
    """Return the names of the buckets at the top of the database; raises BrokenDatabaseError and OSError."""
    with path.open("rb") as file:
        meta = _newest_meta(file)
        return frozenset(_walk(file, meta))


def _newest_meta(file: BinaryIO) -> _Meta:
    """Return the meta page of the last transaction that was written whole."""
    first = _meta(file, 0)
    sizes = (first.page_size,) if first else _PAGE_SIZES
    metas = [meta for meta in (first, *(_meta(file, size) for size in sizes)) if meta]
    if not metas:
        raise BrokenDatabaseError("it has no meta page of a bbolt database")
    return max(metas, key=lambda meta: meta.transaction)


def _meta(file: BinaryIO, offset: int) -> _Meta | None:
    file.seek(offset + _HEADER.size)
    content = file.read(_META.size + _CHECKSUM.size)
    if len(content) < _META.size + _CHECKSUM.size:
        return None
    magic, version, page_size, _, root, _, _, _, transaction = _META.unpack_from(content)
    (checksum,) = _CHECKSUM.unpack_from(content, _META.size)
    whole = checksum == _fnv_1a(content[: _META.size])
    return _Meta(page_size, root, transaction) if whole and magic == _MAGIC and version == _VERSION else None


def _walk(file: BinaryIO, meta: _Meta) -> Iterator[str]:
    """Yield the names of the buckets in the tree whose root page `meta` names."""
    pending, seen = [meta.root], 0
    while pending:
        seen += 1
        if seen > MAX_PAGES:
            raise BrokenDatabaseError(f"its root bucket has more than {MAX_PAGES} pages")
        kind, count, page = _page(file, meta, pending.pop())
        try:
            if kind == _BRANCH_PAGE:
                pending += [_child(page, number) for number in range(count)]
            elif kind == _LEAF_PAGE:
                yield from (name for number in range(count) if (name := _bucket(page, number)) is not None)
            else:
                raise BrokenDatabaseError("its root bucket leads to a page that is neither branch nor leaf")
        except struct.error as error:
            raise BrokenDatabaseError("a page of its root bucket is cut off") from error


def _page(file: BinaryIO, meta: _Meta, number: int) -> tuple[int, int, bytes]:
    """Return kind, number of elements and bytes of one page, with the pages that belong to it."""
    file.seek(min(number * meta.page_size, 2**62))  # what lies behind the end is read as nothing
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        raise BrokenDatabaseError("it ends before its root bucket does")
    found, kind, count, further = _HEADER.unpack(header)
    size = (1 + further) * meta.page_size
    if found != number or size > MAX_PAGE_BYTES:
        raise BrokenDatabaseError("a page of its root bucket is not where it should be")
    return kind, count, header + file.read(size - _HEADER.size)


def _child(page: bytes, number: int) -> int:
    """Return the page that an element of a branch page leads to."""
    _, _, child = _BRANCH_ELEMENT.unpack_from(page, _HEADER.size + number * _BRANCH_ELEMENT.size)
    return int(child)


def _bucket(page: bytes, number: int) -> str | None:
    """Return the key of an element of a leaf page, where it holds a bucket."""
    offset = _HEADER.size + number * _LEAF_ELEMENT.size
    flags, distance, key_size, _ = _LEAF_ELEMENT.unpack_from(page, offset)
    start = offset + distance
    if start + key_size > len(page):
        raise BrokenDatabaseError("a key of its root bucket lies outside its page")
    return page[start : start + key_size].decode(errors="replace") if flags & _IS_BUCKET else None


def _fnv_1a(content: bytes) -> int:
    """Return the 64-bit FNV-1a hash."""
    value = 0xCBF29CE484222325
    for byte in content:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value
