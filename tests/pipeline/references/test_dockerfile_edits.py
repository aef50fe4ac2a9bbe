"""Verification of edits by dockerfile-parse, which counts only if it parses the file correctly."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO

import pytest
from dockerfile_parse import DockerfileParser
from hypothesis import given
from hypothesis import strategies as st

from bot.core.references.edit import apply_edits, build_edit
from bot.formats.dockerfile import FORMAT
from bot.model.image_name import Digest
from bot.model.source import EditSlot, FilePath, Reference, SourceFile
from bot.pipeline.references import edit
from bot.pipeline.references.file_reading import read_file

DIGEST = Digest(f"sha256:{'b' * 64}")
PLAIN = b"ARG TAG=3.20\nFROM golang:1.23 AS Build\nRUN go build\nFROM alpine:${TAG}\nFROM build\nFROM scratch\n"


def build_file(content):
    return SourceFile(FilePath("Dockerfile"), content)


def list_references(content):
    return read_file(build_file(content), FORMAT).extracted


def edit_digests(content):
    """Return `content` after an update of every editable digest."""
    digests = (each.digest_slot for each in list_references(content) if isinstance(each, Reference))
    return apply_edits(content, [build_edit(slot, DIGEST) for slot in digests if isinstance(slot, EditSlot)])


def rejects_edit(before, after, references_after=None):
    seen = list_references(after) if references_after is None else references_after
    return edit.has_unplanned_change(build_file(before), build_file(after), list_references(before), seen)


def is_heard(content):
    """Return True if dockerfile-parse finds a change of one image that basebump's parser does not find."""
    return rejects_edit(content, edit_digests(content), list_references(content))


def test_dockerfile_parse_library_accepts_edit_of_digests():
    assert not rejects_edit(PLAIN, edit_digests(PLAIN))


def test_dockerfile_parse_library_rejects_edit_that_also_changes_another_tag():
    after = edit_digests(PLAIN)
    other = after.replace(b"golang:1.23@", b"golang:1.24@")
    assert rejects_edit(PLAIN, other, list_references(after))


def test_dockerfile_parse_library_rejects_changed_tag_that_basebump_parser_misses():
    assert rejects_edit(PLAIN, PLAIN.replace(b"1.23", b"1.24"), list_references(PLAIN))


def test_dockerfile_parse_library_rejects_edit_without_the_planned_digests():
    assert rejects_edit(PLAIN, PLAIN, list_references(edit_digests(PLAIN)))


def test_dockerfile_parse_library_rejects_edit_that_makes_the_file_unparsable():
    assert rejects_edit(PLAIN, PLAIN.replace(b"TAG=3.20", b"TAG=3.20 \xff"), list_references(edit_digests(PLAIN)))


def test_dockerfile_parse_library_accepts_edit_of_file_with_build_stages():
    content = b"FROM golang:1.23 AS Build\nFROM BUILD\nFROM scratch\n"
    assert not rejects_edit(content, edit_digests(content))
    assert is_heard(content)


@pytest.mark.parametrize(
    ("defect", "content"),
    [
        ("a default in a word", b"ARG V\nFROM python:${V:-3.12}\n"),
        ("an argument in an argument", b"ARG A=3\nARG B=${A}.13\nFROM python:$B\nFROM golang:1.23\n"),
        ("the body of a heredoc", b"FROM alpine:3.20\nRUN <<EOF\nFROM evil:1\nEOF\n"),
        ("a byte-order mark", b"\xef\xbb\xbfFROM alpine:3.20\n"),
        ("a blank line in an instruction", b"FROM \\\n\n alpine:3.20\n"),
        ("an argument of the builder", b"FROM alpine:3.20\nFROM golang:${TARGETARCH}\n"),
        ("an argument without a value in a list", b"ARG A=3.20 B\nFROM alpine:$A\n"),
        ("bytes that are no UTF-8", b"# caf\xe9\nFROM alpine:3.20\n"),
        ("too large a file", b"FROM alpine:3.20\n" + b"# a comment\n" * (edit.MAX_PARSED_BYTES // 12)),
    ],
)
def test_edit_is_accepted_if_the_dockerfile_parse_library_misreads_the_file(defect, content):
    assert edit_digests(content) != content
    assert not rejects_edit(content, edit_digests(content)), defect
    assert not is_heard(content), defect


@pytest.mark.parametrize(
    ("defect", "content"),
    [
        ("--platform dropped", b"FROM --platform=linux/arm64 alpine:3.20 AS one\n"),
        ("an argument replaced by its value", b"ARG TAG=3.20\nFROM alpine:${TAG}\n"),
        ("lines of a FROM joined", b"FROM \\\n  # a comment\n  alpine:3.20 \\\n  AS one\n"),
        ("keywords in capitals", b"from alpine:3.20 as one\n"),
        ("line breaks changed", b"FROM alpine:3.20\r\nRUN true\r\n"),
        ("a line break added at the end", b"FROM alpine:3.20"),
    ],
)
def test_edit_keeps_text_that_the_dockerfile_parse_library_would_change(defect, content):
    """The test first shows that the writer of dockerfile-parse damages the file."""
    after = edit_digests(content)
    assert after.replace(f"@{DIGEST}".encode(), b"") == content
    assert after != content
    assert not rejects_edit(content, after), defect
    parser = DockerfileParser(fileobj=BytesIO(content))
    parser.baseimage = f"{parser.baseimage}@{DIGEST}"
    assert parser.content.encode() != after, defect


def test_edit_check_with_the_dockerfile_parse_library_creates_no_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not rejects_edit(PLAIN, edit_digests(PLAIN))
    assert not list(tmp_path.iterdir())


def test_dockerfile_parse_library_is_imported_only_for_dockerfile_edits():
    code = "import sys, bot.pipeline.references.edit; sys.exit('dockerfile_parse' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@given(before=st.binary(max_size=200), after=st.binary(max_size=200))
def test_edit_check_with_the_dockerfile_parse_library_raises_no_errors(before, after):
    assert rejects_edit(before, after) in (True, False)


@given(
    lines=st.lists(
        st.sampled_from(
            [
                *("FROM alpine:3.20", "FROM golang:1.23 AS build", "from build", "FROM alpine:${V}", 'FROM "node:$V"'),
                *("ARG V=22", "ARG V", "ARG W=${V}", "RUN <<EOF\nFROM evil:1\nEOF", "ENV A=b", "# FROM evil:2", ""),
                *(
                    "FROM --platform=$BUILDPLATFORM node:22",
                    "FROM \\\n ruby:3.4",
                    "COPY --from=busybox:1 /a /a",
                    "FROM x:$",
                ),
            ]
        ),
        max_size=8,
    ),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_dockerfile_parse_library_never_rejects_a_correct_edit(lines, end):
    content = end.join(lines).encode()
    assert not rejects_edit(content, edit_digests(content))
