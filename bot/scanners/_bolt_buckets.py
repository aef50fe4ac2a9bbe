"""Reads the names of a bbolt file's top-level buckets. The rest of the file, which may be a gigabyte, is not read.

The format is version 2 of https://github.com/etcd-io/bbolt (internal/common: page.go, meta.go). A page begins with its
number, its kind, the number of its elements and the number of its overflow pages. Two meta pages point to the root
bucket, which is a B+tree. The leaves of the tree map keys to values or to buckets. All numbers are little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAX_PAGES = 1000
"""The largest number of pages in the root bucket. A vulnerability database has some hundred releases, whose names fit
on a dozen pages."""
MAX_PAGE_BYTES = 16 * 1024 * 1024
"""The largest size, in bytes, of a page with its overflow pages. bbolt stores small buckets in the page of their
parent."""
_PAGE_SIZES = tuple(2**power for power in range(9, 17))
"""The page sizes that a bbolt file can have. bbolt uses the page size of the operating system that writes the file."""

_MAGIC, _VERSION = 0xED0CDAED, 2
_HEADER = struct.Struct("<QHHI")
_META = struct.Struct("<IIIIQQQQQ")
_CHECKSUM = struct.Struct("<Q")
_LEAF_ELEMENT = struct.Struct("<IIII")
_BRANCH_ELEMENT = struct.Struct("<IIQ")
_BRANCH_PAGE, _LEAF_PAGE = 0x01, 0x02
_IS_BUCKET = 0x01


class BrokenDatabaseError(ValueError):
    """The file is not a bbolt database, or the database is damaged."""


@dataclass(frozen=True, slots=True)
class _MetaPage:
    page_size: int
    root_page: int
    transaction_id: int


def read_bucket_names(path: Path) -> frozenset[str]:
    """Return the names of the top-level buckets of a database file.

    Raises BrokenDatabaseError if the file is not a valid database, and OSError if the file cannot be read.
    """
    with path.open("rb") as file:
        meta = _find_newest_meta(file)
        return frozenset(_iterate_bucket_names(file, meta))


def _find_newest_meta(file: BinaryIO) -> _MetaPage:
    """Return the newest valid meta page, which belongs to the last transaction that was written completely.

    Raises BrokenDatabaseError if the file has no valid meta page.
    """
    first = _read_meta(file, 0)
    sizes = (first.page_size,) if first else _PAGE_SIZES
    metas = [meta for meta in (first, *(_read_meta(file, size) for size in sizes)) if meta]
    if not metas:
        raise BrokenDatabaseError("the file is not a bbolt database, because it has no valid meta page")
    return max(metas, key=lambda meta: meta.transaction_id)


def _read_meta(file: BinaryIO, offset: int) -> _MetaPage | None:
    file.seek(offset + _HEADER.size)
    content = file.read(_META.size + _CHECKSUM.size)
    if len(content) < _META.size + _CHECKSUM.size:
        return None
    magic, version, page_size, _, root, _, _, _, transaction = _META.unpack_from(content)
    (checksum,) = _CHECKSUM.unpack_from(content, _META.size)
    is_intact = checksum == _compute_fnv_1a(content[: _META.size])
    return _MetaPage(page_size, root, transaction) if is_intact and magic == _MAGIC and version == _VERSION else None


def _iterate_bucket_names(file: BinaryIO, meta: _MetaPage) -> Iterator[str]:
    """Yield the names of the top-level buckets, read from the tree whose root page `meta` names.

    Raises BrokenDatabaseError if the database is damaged.
    """
    pending, page_count = [meta.root_page], 0
    while pending:
        page_count += 1
        if page_count > MAX_PAGES:
            raise BrokenDatabaseError(f"the database file is damaged: its root bucket has more than {MAX_PAGES} pages")
        kind, count, page = _read_page(file, meta, pending.pop())
        try:
            if kind == _BRANCH_PAGE:
                pending += [_read_child_page(page, index) for index in range(count)]
            elif kind == _LEAF_PAGE:
                yield from (name for index in range(count) if (name := _read_bucket_name(page, index)) is not None)
            else:
                raise BrokenDatabaseError("the database file is damaged: a page of its root bucket has an unknown type")
        except struct.error as error:
            raise BrokenDatabaseError("the database file is damaged: a page of its root bucket is truncated") from error


def _read_page(file: BinaryIO, meta: _MetaPage, page_number: int) -> tuple[int, int, bytes]:
    """Read a page. Return its type (branch or leaf), the number of its elements, and its bytes.

    The bytes include the overflow pages that belong to the page. `meta` gives the page size.

    Raises BrokenDatabaseError if the database is damaged.
    """
    file.seek(min(page_number * meta.page_size, 2**62))  # reading behind the end of the file returns no bytes
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        raise BrokenDatabaseError("the database file is truncated: it ends before the end of its root bucket")
    stored_number, kind, count, overflow = _HEADER.unpack(header)
    size = (1 + overflow) * meta.page_size
    if stored_number != page_number or size > MAX_PAGE_BYTES:
        raise BrokenDatabaseError(
            "the database file is damaged: a page of its root bucket has an unexpected number or size"
        )
    return kind, count, header + file.read(size - _HEADER.size)


def _read_child_page(page: bytes, index: int) -> int:
    """Return the page number to which an element of a branch page points.

    `page` contains the bytes of the branch page, and `index` is the position of the element on the page.
    """
    _, _, child = _BRANCH_ELEMENT.unpack_from(page, _HEADER.size + index * _BRANCH_ELEMENT.size)
    return int(child)


def _read_bucket_name(page: bytes, index: int) -> str | None:
    """Return the name of the bucket in an element of a leaf page; None if the element is not a bucket.

    `page` contains the bytes of the leaf page, and `index` is the position of the element on the page.

    Raises BrokenDatabaseError if the database is damaged.
    """
    offset = _HEADER.size + index * _LEAF_ELEMENT.size
    flags, key_offset, key_size, _ = _LEAF_ELEMENT.unpack_from(page, offset)
    start = offset + key_offset
    if start + key_size > len(page):
        raise BrokenDatabaseError("the database file is damaged: a key of its root bucket lies outside its page")
    return page[start : start + key_size].decode(errors="replace") if flags & _IS_BUCKET else None


def _compute_fnv_1a(content: bytes) -> int:
    """Return the 64-bit FNV-1a hash."""
    value = 0xCBF29CE484222325
    for byte in content:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value
