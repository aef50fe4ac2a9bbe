"""Any text: pinned references with a tag are found anywhere, and similar texts are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.soon import soon

from bot.core.references.edit import apply_edits, build_edit
from bot.formats.text import FORMAT
from bot.model.image_name import MAX_REFERENCE_LENGTH, Digest
from bot.model.path_index import index_paths
from bot.model.source import FilePath, SourceFile
from bot.model.vocabulary import Role

A, B = (f"sha256:{letter * 64}" for letter in "ab")


def read(content):
    return list(
        FORMAT.extract(SourceFile(FilePath("run.sh"), content.encode() if isinstance(content, str) else content))
    )


def list_written(content):
    return [each.written for each in read(content)]


def test_text_format_selects_no_file_by_default():
    assert list(FORMAT.select_paths(index_paths([FilePath("Makefile"), FilePath("run.sh")]))) == []


@pytest.mark.parametrize(
    "reference",
    [
        "nginx:1.27",
        "library/nginx:latest",
        "docker.io/library/nginx:1.27-alpine",
        "ghcr.io/acme/a__b.c-d---e/f:V_1.0-x",
        "localhost:5000/x:1",
        "127.0.0.1:5000/a/b/c:1",
        "Registry.Example.COM/x:1",
        "x:" + "t" * 128,
    ],
)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("image: ", "\n"),
        ('"', '"'),
        ("'", "'"),
        ("X=", " "),
        ("X:=", ";"),
        ("(", ")"),
        ("[", "]"),
        ("${X:-", "}"),
        ("docker://", ""),
        ("docker-image://", ","),
        ("<", ">"),
        ("`", "`"),
        ("\t", "\t"),
        ("é ", " é"),
        ("--image=", "\\"),
    ],
)
def test_pinned_image_with_tag_is_found_anywhere_in_a_text_file(reference, before, after):
    text = f"{before}{reference}@{A}{after}"
    (found,) = read(text)
    assert found.written == f"{reference}@{A}"
    assert found.role is Role.BASE
    span = found.digest_slot.span
    assert text.encode()[span.start : span.end].decode() == A


@pytest.mark.parametrize(
    "text",
    [
        f"nginx@{A}",
        "nginx:1.27",
        f"nginx:1.27@{A[:-1]}",
        f"nginx:1.27@{A}0",
        f"nginx:1.27@sha512:{'a' * 128}",
        f"$X/nginx:1.27@{A}",
        f"${{X}}nginx:1.27@{A}",
        f"nginx:$V@{A}",
        f"oci://x/nginx:1.27@{A}",
        f"\\nginx:1.27@{A}",
        f"NGINX:1.27@{A}",
        f"{'x' * MAX_REFERENCE_LENGTH}:1@{A}",
        f"x:{'t' * 129}@{A}",
    ],
)
def test_incomplete_or_unpinned_images_in_text_files_are_ignored(text):
    assert read(text) == []


def test_text_file_with_nul_byte_is_ignored():
    assert list_written(f"nginx:1.27@{A}\n") == [f"nginx:1.27@{A}"]
    assert read(f"nginx:1.27@{A}\n\0") == []


def test_locators_in_text_file_are_stable_if_digests_and_tags_change():
    text = f"nginx:1.27@{A} redis:7@{A} nginx:1.28@{B}\n"
    locators = [each.locator for each in read(text)]
    assert locators == ["nginx#1", "redis#1", "nginx#2"]
    assert [each.locator for each in read(text.replace(A, B).replace("1.28", "1.29"))] == locators


@given(
    st.lists(st.sampled_from(["nginx:1.27@" + A, "redis:7@" + B, "a@" + A, A, "x", "@", ":", "/", "-", " ", "\n", "é"]))
)
def test_pinning_images_in_text_changes_only_digests(pieces):
    content = "".join(pieces).encode()
    found = read(content)
    new = Digest(f"sha256:{'c' * 64}")
    edited = apply_edits(content, [build_edit(each.digest_slot, new) for each in found])
    assert [(each.locator, each.image) for each in read(edited)] == [
        (each.locator, each.image.with_digest(new)) for each in found
    ]
    assert edited.count(new.encode()) == len(found)


@pytest.mark.parametrize("piece", ["a", "a-", "a:-", "a/", "a.", "-", ":", "a:-a/", "a__", "(a:1", "docker://"])
def test_hostile_text_file_is_read_fast(piece):
    with soon(2):
        read(f"{(piece * MAX_REFERENCE_LENGTH)[-MAX_REFERENCE_LENGTH:]}@{A}\n" * 1000)
