"""What holds whatever the bytes: nothing is raised, every slot is true, and an edit does what it says."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.case_formats import CASE_FORMATS
from support.case_samples import SAMPLES

from bot.core.edit import apply_edits, identity, is_proved, write_digest
from bot.formats._syntax import yaml_nodes
from bot.model.reference import Digest
from bot.model.source import Edit, Occurrence, Slot, SourceFile, Unsupported

DIGEST = Digest(f"sha256:{hashlib.sha256(b'new').hexdigest()}")
TAG = "9.8-moved"
FRAGMENTS = [
    *(
        b"\n",
        b"\r\n",
        b"\r",
        b" ",
        b"\t",
        b"\\\n",
        b"`\n",
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xc2\x85",
        b"\xe2\x80\xa8",
    ),
    *(b'"', b"'", b"\\", b"$", b"{", b"}", b"[", b"]", b"#", b" #", b": ", b"- ", b", ", b"? ", b"| ", b">-\n", b"%"),
    *(
        b"&a ",
        b"*a",
        b"<<: *a\n",
        b"!!str ",
        b"---\n",
        b"...\n",
        b"<<EOF",
        b"EOF\n",
        b"FROM ",
        b" AS x",
        b"--from=",
        b"@",
    ),
]
ALL_FORMATS = pytest.mark.parametrize("file_format", CASE_FORMATS, ids=lambda file_format: file_format.name)


@st.composite
def damaged(draw, samples):
    """Return a file of the cases after a few cuts, insertions and repetitions."""
    path, content = draw(st.sampled_from(samples))
    content = content[:4000]
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(content)))
        end = min(start + draw(st.integers(0, 40)), len(content))
        content = draw(
            st.sampled_from(
                [
                    content[:start],
                    content[:start] + content[end:],
                    content[:end] + content[start:],
                    content[:start] + draw(st.sampled_from(FRAGMENTS)) + content[start:],
                    content[:start] + draw(st.binary(min_size=1, max_size=3)) + content[start:],
                ]
            )
        )
    return path, content


def places_of(file_format, path, content):
    found = file_format.extract(SourceFile(path, content))
    return [each for each in found if isinstance(each, Occurrence | Unsupported)]


def check(file_format, path, content):
    """Read `content`, move all its digests, then all its tags, and check all that must hold."""
    found = places_of(file_format, path, content)
    occurrences = [each for each in found if isinstance(each, Occurrence)]
    for each in found:
        assert each.path == path
        assert 1 <= each.line_number <= content.count(b"\n") + 1
    locators = [each.locator for each in occurrences]
    assert len(set(locators)) == len(locators)
    slots = {identity(each): each.digest for each in occurrences if isinstance(each.digest, Slot)}
    tags = {identity(each): each.tag for each in occurrences if isinstance(each.tag, Slot)}
    for each in occurrences:
        assert each.format == file_format.name
        check_slot(content, each.digest, each.reference.digest)
        check_slot(content, each.tag, each.reference.tag)
        check_written(content, each)
    for first, second in pairwise(sorted({slot.span for slot in slots.values()})):
        assert first.end <= second.start
    edits = [write_digest(slot, DIGEST) for slot in slots.values()]
    edited = places_of(file_format, path, apply_edits(content, edits))
    assert is_proved(found, edited, dict.fromkeys(slots, DIGEST))
    edits = [Edit(slot.span, slot.old, slot.before + TAG.encode()) for slot in tags.values()]
    edited = places_of(file_format, path, apply_edits(content, edits))
    moved = {identity(each): replace(each.reference, tag=TAG) for each in occurrences if identity(each) in tags}
    kept = {identity(each): each.reference for each in occurrences}
    assert {identity(each): each.reference for each in edited if isinstance(each, Occurrence)} == kept | moved


def check_slot(content, slot, value):
    if isinstance(slot, Slot):
        assert 0 <= slot.span.start <= slot.span.end <= len(content)
        assert content[slot.span.start : slot.span.end] == slot.old
        assert slot.old.decode() == (value or "") or (value is None and slot.old.lower() in {b"null", b"~"})


def check_written(content, occurrence):
    """Check that a reference which stands in the file as it is stands on the line and before the slot it names."""
    if occurrence.written != str(occurrence.reference) or not isinstance(occurrence.digest, Slot):
        return
    written = occurrence.written.encode()
    end = occurrence.digest.span.end
    if content[end - len(written) : end] == written:
        assert occurrence.line_number == content.count(b"\n", 0, end - len(written)) + 1


@ALL_FORMATS
@given(data=st.data())
def test_any_bytes_are_read_without_a_word(file_format, data):
    path, _ = data.draw(st.sampled_from(SAMPLES[file_format.name]))
    check(file_format, path, data.draw(st.binary(max_size=300)))


@ALL_FORMATS
@given(data=st.data())
def test_damaged_files_are_read_and_edited_as_they_are(file_format, data):
    check(file_format, *data.draw(damaged(SAMPLES[file_format.name])))


@ALL_FORMATS
def test_a_file_may_end_anywhere(file_format):
    for path, content in SAMPLES[file_format.name]:
        for end in range(0, len(content), 1 + len(content) // 100):
            check(file_format, path, content[:end])


@ALL_FORMATS
@pytest.mark.parametrize("budget", [0, 1, 4, 15, 40])
def test_a_budget_that_is_used_up_is_said_and_not_raised(file_format, budget, monkeypatch):
    monkeypatch.setattr(yaml_nodes, "MAX_VISITS", budget)
    for path, content in SAMPLES[file_format.name]:
        places_of(file_format, path, content)
        places_of(file_format, path, content.rstrip() + b"\n" + b"again: and again\n" * 50)  # repeated keys cost visits
