"""Names of the top-level buckets of a database file, for intact and damaged files."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.demo.bolt import PAGE_SIZE, compute_fnv_1a, encode_database
from bot.scanners._bolt_buckets import MAX_PAGES, BrokenDatabaseError, read_bucket_names

FEW = {"debian 12": {"openssl": {"CVE-1900-0001": b"{}"}}, "debian 13": {}, "plain": b"value"}


@pytest.fixture
def read_names(tmp_path):
    def read(content: bytes) -> frozenset[str]:
        path = tmp_path / "trivy.db"
        path.write_bytes(content)
        return read_bucket_names(path)

    return read


def patch_bytes(content: bytes, offset: int, layout: str, *values: int) -> bytes:
    written = struct.pack(layout, *values)
    return content[:offset] + written + content[offset + len(written) :]


def test_bucket_names_of_database_exclude_plain_values(read_names):
    assert read_names(encode_database(FEW)) == {"debian 12", "debian 13"}


def test_empty_database_has_no_buckets(read_names):
    assert read_names(encode_database({})) == set()


@pytest.mark.parametrize("count", [100, 1000, 20_000])
def test_buckets_are_listed_from_a_root_of_many_pages(read_names, count):
    buckets = {f"release {number:06}": {} for number in range(0, count, count // 20)}
    values = {f"value {number:06}": b"" for number in range(count)}
    assert read_names(encode_database(buckets | values)) == set(buckets)


def test_value_longer_than_a_database_page_is_skipped(read_names):
    assert read_names(encode_database({"a": b"x" * 3 * PAGE_SIZE, "b": {}})) == {"b"}


def test_newer_of_two_database_meta_pages_is_used(read_names):
    content = encode_database(FEW)
    stale_root = patch_bytes(content, 16 + 16, "<Q", 2)[16 : 16 + 56]
    older = patch_bytes(content, 16 + 16, "<Q", 2)
    assert read_names(patch_bytes(older, 16 + 56, "<Q", compute_fnv_1a(stale_root))) == {"debian 12", "debian 13"}


@pytest.mark.parametrize("damaged", [0, 1])
def test_second_database_meta_page_is_used_if_the_other_is_damaged(read_names, damaged):
    assert read_names(patch_bytes(encode_database(FEW), damaged * PAGE_SIZE + 16 + 20, "<B", 255)) == {
        "debian 12",
        "debian 13",
    }


def test_database_with_two_damaged_meta_pages_is_refused(read_names):
    content = encode_database(FEW)
    for number in (0, 1):
        content = patch_bytes(content, number * PAGE_SIZE + 16, "<I", 7)
    with pytest.raises(BrokenDatabaseError, match="no valid meta page"):
        read_names(content)


@pytest.mark.parametrize("length", [0, 10, 100, 2 * PAGE_SIZE, 3 * PAGE_SIZE])
def test_truncated_database_is_refused(read_names, length):
    with pytest.raises(BrokenDatabaseError):
        read_names(encode_database(FEW)[:length])


def test_database_with_cyclic_pages_is_refused(read_names, tmp_path):
    content = encode_database({f"release {number:06}": {} for number in range(1000)})
    start = find_root_page(content)
    with pytest.raises(BrokenDatabaseError, match=str(MAX_PAGES)):
        read_names(patch_bytes(content, start + 16 + 8, "<Q", start // PAGE_SIZE))


def find_root_page(content: bytes) -> int:
    """Return the offset of the root page that the newest meta page names."""
    (root,) = struct.unpack_from("<Q", content, PAGE_SIZE + 16 + 16)
    return root * PAGE_SIZE


def test_database_page_with_wrong_number_is_refused(read_names):
    content = encode_database(FEW)
    with pytest.raises(BrokenDatabaseError):
        read_names(patch_bytes(content, find_root_page(content), "<Q", 77))


def test_database_page_with_too_many_overflow_pages_is_refused(read_names):
    content = encode_database(FEW)
    with pytest.raises(BrokenDatabaseError):
        read_names(patch_bytes(content, find_root_page(content) + 12, "<I", 2**31))


def test_database_key_outside_the_page_is_refused(read_names):
    content = encode_database(FEW)
    with pytest.raises(BrokenDatabaseError, match="outside its page"):
        read_names(patch_bytes(content, find_root_page(content) + 16 + 8, "<I", 2**31))


@given(st.integers(0, 5 * PAGE_SIZE - 1), st.binary(min_size=1, max_size=8))
def test_randomly_damaged_database_is_refused_or_read_without_other_errors(tmp_path_factory, offset, written):
    content = encode_database(FEW)
    path = tmp_path_factory.mktemp("bolt") / "trivy.db"
    path.write_bytes((content[:offset] + written + content[offset + len(written) :])[: len(content)])
    with contextlib.suppress(BrokenDatabaseError):
        assert all(isinstance(name, str) for name in read_bucket_names(path))
