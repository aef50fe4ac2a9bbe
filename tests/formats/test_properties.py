"""Properties for arbitrary bytes: nothing raises, every slot is correct, and an edit changes only its slot."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.formats.cases import CASE_FORMATS, find_tree_references
from support.formats.samples import SAMPLES

from bot.core.references.edit import apply_edits, get_reference_key, has_only_planned_changes
from bot.formats._syntax.yaml import nodes
from bot.model.image_name import Digest
from bot.model.source import ByteEdit, EditSlot, Reference

DIGEST = Digest(f"sha256:{hashlib.sha256(b'new').hexdigest()}")
TAG = "9.8-moved"
MAX_SINGLE_MOVES = 4
"""Limit on the digests of one file that are also updated individually."""
CUTS = 8
"""Number of positions at which each file is truncated. The positions differ between files."""
BUDGETS = [0, 1, 4, 15, 40]
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
    """Return a case in which one file has a few deletions, insertions and repetitions."""
    sample = draw(st.sampled_from(samples))
    content = sample.content[:4000]
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
    return sample.with_content(content)


def edited(files, slots, value):
    """Return `files` with `value` in every slot."""
    edits = {path: [] for path in files}
    for (path, _, _), slot in slots.items():
        edits[path].append(ByteEdit(slot.span, slot.old, slot.prefix + value.encode()))
    return {path: apply_edits(content, edits[path]) for path, content in files.items()}


def check(file_format, files):
    """Read all files, update each digest, then all digests, then all tags, and check all properties."""
    found = find_tree_references(file_format, files)
    for each in found:
        assert 1 <= each.line_number <= files[each.path].count(b"\n") + 1
    references = {get_reference_key(each): each for each in found if isinstance(each, Reference)}
    assert len(references) == sum(isinstance(each, Reference) for each in found)
    digests = {key: each.digest_slot for key, each in references.items() if isinstance(each.digest_slot, EditSlot)}
    tags = {key: each.tag_slot for key, each in references.items() if isinstance(each.tag_slot, EditSlot)}
    for each in references.values():
        check_slot(files[each.path], each.digest_slot, each.image.digest)
        check_slot(files[each.path], each.tag_slot, each.image.tag)
        check_written(files[each.path], each)
    spans = {(key[0], slot.span) for slots in (digests, tags) for key, slot in slots.items()}
    for (path, first), (other, second) in pairwise(sorted(spans)):
        assert path != other or first.end <= second.start
    for key, slot in list(digests.items())[:MAX_SINGLE_MOVES]:
        sharing = {other for other, theirs in digests.items() if other[0] == key[0] and theirs == slot}
        after = find_tree_references(file_format, edited(files, {key: slot}, DIGEST))
        assert has_only_planned_changes(found, after, dict.fromkeys(sharing, DIGEST))
    assert has_only_planned_changes(
        found, find_tree_references(file_format, edited(files, digests, DIGEST)), dict.fromkeys(digests, DIGEST)
    )
    after = find_tree_references(file_format, edited(files, tags, TAG))
    moved = {key: replace(each.image, tag=TAG) for key, each in references.items() if key in tags}
    kept = {key: each.image for key, each in references.items()}
    assert {get_reference_key(each): each.image for each in after if isinstance(each, Reference)} == kept | moved


def check_slot(content, slot, value):
    if isinstance(slot, EditSlot):
        assert 0 <= slot.span.start <= slot.span.end <= len(content)
        assert content[slot.span.start : slot.span.end] == slot.old
        assert slot.old.decode() == (value or "") or (value is None and slot.old.lower() in {b"null", b"~"})


def check_written(content, reference):
    """Check the line and the slot of a reference that is in the file literally."""
    if reference.written != str(reference.image) or not isinstance(reference.digest_slot, EditSlot):
        return
    written = reference.written.encode()
    end = reference.digest_slot.span.end
    if content[end - len(written) : end] == written:
        assert reference.line_number == content.count(b"\n", 0, end - len(written)) + 1


@ALL_FORMATS
@given(data=st.data())
def test_arbitrary_bytes_raise_no_error_in_any_format(file_format, data):
    sample = data.draw(st.sampled_from(SAMPLES[file_format.name]))
    check(file_format, {sample.path: data.draw(st.binary(max_size=300))})


@ALL_FORMATS
@given(data=st.data())
def test_edits_of_damaged_files_change_only_planned_slots(file_format, data):
    check(file_format, data.draw(damaged(SAMPLES[file_format.name])))


@ALL_FORMATS
def test_edits_of_truncated_files_change_only_planned_slots(file_format):
    for start, sample in enumerate(SAMPLES[file_format.name]):
        for end in range(start, len(sample.content), 1 + len(sample.content) // CUTS):
            check(file_format, sample.with_content(sample.content[:end]))


@ALL_FORMATS
def test_exhausted_yaml_budget_raises_no_error(file_format, monkeypatch):
    for number, sample in enumerate(SAMPLES[file_format.name]):
        monkeypatch.setattr(nodes, "MAX_VISITS", BUDGETS[number % len(BUDGETS)])
        find_tree_references(file_format, sample.files)
        repeated = b"again: and again\n" * 50  # repeated keys count as visits
        find_tree_references(file_format, sample.with_content(sample.content.rstrip() + b"\n" + repeated))
