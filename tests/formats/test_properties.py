"""What holds whatever the bytes: nothing is raised, every slot is true, and an edit does what it says."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.edit import apply_edits, is_proved, write_digest
from bot.formats import all_formats
from bot.model.reference import Digest
from bot.model.source import FilePath, Occurrence, Slot, SourceFile

HERE = Path(__file__).parent
SAMPLES = {
    file_format.name: sorted(path for path in (HERE / file_format.name).rglob("before/**/*") if path.is_file())
    for file_format in all_formats()
}
DIGEST = Digest(f"sha256:{hashlib.sha256(b'new').hexdigest()}")
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
ALL_FORMATS = pytest.mark.parametrize("file_format", all_formats(), ids=lambda file_format: file_format.name)


@st.composite
def damaged(draw, paths):
    """Return a file of the cases after a few cuts, insertions and repetitions."""
    content = draw(st.sampled_from(paths)).read_bytes()[:4000]
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
    return content


def check(file_format, content):
    """Read `content`, move all its digests, and check all that must hold of both."""
    path = FilePath("file")
    found = list(file_format.extract(SourceFile(path, content)))
    occurrences = [each for each in found if isinstance(each, Occurrence)]
    for each in found:
        assert each.path == path
        assert 1 <= each.line_number <= content.count(b"\n") + 1
    locators = [each.locator for each in occurrences]
    assert len(set(locators)) == len(locators)
    slots = {each.locator: each.digest for each in occurrences if isinstance(each.digest, Slot)}
    for each in occurrences:
        assert each.format == file_format.name
        if isinstance(each.digest, Slot):
            check_slot(content, each, each.digest)
    for first, second in pairwise(sorted({slot.span for slot in slots.values()})):
        assert first.end <= second.start
    edits = [write_digest(slot, DIGEST) for slot in slots.values()]
    edited = list(file_format.extract(SourceFile(path, apply_edits(content, edits))))
    assert is_proved(found, edited, dict.fromkeys(slots, DIGEST))


def check_slot(content, occurrence, slot):
    start, end = slot.span.start, slot.span.end
    assert 0 <= start <= end <= len(content)
    assert content[start:end] == slot.old == (occurrence.reference.digest or "").encode()
    written = occurrence.written.encode()
    assert content[end - len(written) : end] == written == str(occurrence.reference).encode()
    assert occurrence.line_number == content.count(b"\n", 0, end - len(written)) + 1


@ALL_FORMATS
@given(content=st.binary(max_size=300))
def test_any_bytes_are_read_without_a_word(file_format, content):
    check(file_format, content)


@ALL_FORMATS
@given(data=st.data())
def test_damaged_files_are_read_and_edited_as_they_are(file_format, data):
    check(file_format, data.draw(damaged(SAMPLES[file_format.name])))


@ALL_FORMATS
def test_a_file_may_end_anywhere(file_format):
    for path in SAMPLES[file_format.name]:
        content = path.read_bytes()
        for end in range(0, len(content), 1 + len(content) // 100):
            check(file_format, content[:end])
