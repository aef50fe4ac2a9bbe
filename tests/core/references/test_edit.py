import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values import digest, reference

from bot.core.references.edit import apply_edits, build_edit, has_only_planned_changes, is_misread_as_number, list_edits
from bot.model.decision import UpdateCandidate
from bot.model.errors import EditError
from bot.model.image_name import ImageName
from bot.model.source import ByteEdit, EditSlot, FilePath, NotEditable, Span, UnsupportedText
from bot.model.vocabulary import Reason


def test_edit_replaces_only_the_bytes_of_old_digest():
    content = b"FROM a@" + digest("old").encode() + b" # \xe9\r\n"
    slot = EditSlot(Span(7, 7 + 71), digest("old").encode())
    assert apply_edits(content, [build_edit(slot, digest("new"))]) == (
        b"FROM a@" + digest("new").encode() + b" # \xe9\r\n"
    )


def test_digest_is_inserted_after_tag_of_unpinned_image():
    assert apply_edits(b"FROM a:1\n", [ByteEdit(Span(8, 8), b"", b"@x")]) == b"FROM a:1@x\n"


def test_two_equal_edits_are_applied_once():
    edit = ByteEdit(Span(1, 1), b"", b"x")
    assert apply_edits(b"ab", [edit, edit]) == b"axb"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (ByteEdit(Span(0, 2), b"ab", b"x"), ByteEdit(Span(1, 3), b"bc", b"y")),
        (ByteEdit(Span(1, 1), b"", b"x"), ByteEdit(Span(1, 1), b"", b"y")),
        (ByteEdit(Span(1, 1), b"", b"x"), ByteEdit(Span(1, 2), b"b", b"y")),
        (ByteEdit(Span(0, 1), b"a", b"x"), ByteEdit(Span(1, 1), b"", b"y")),
        (ByteEdit(Span(0, 1), b"a", b"x"), ByteEdit(Span(0, 1), b"a", b"y")),
    ],
)
def test_overlapping_or_adjacent_edits_are_refused(first, second):
    with pytest.raises(EditError, match="overlap or meet at byte"):
        apply_edits(b"abc", [first, second])
    with pytest.raises(EditError, match="overlap or meet at byte"):
        apply_edits(b"abc", [second, first])


def test_edit_is_refused_if_old_bytes_differ_from_file():
    with pytest.raises(EditError):
        apply_edits(b"abc", [ByteEdit(Span(0, 1), b"z", b"x")])


def test_edit_beyond_end_of_file_is_refused():
    with pytest.raises(EditError):
        apply_edits(b"abc", [ByteEdit(Span(3, 5), b"", b"x")])


@given(st.binary(max_size=40), st.sets(st.integers(0, 40)), st.binary(min_size=1, max_size=5))
def test_edits_leave_all_other_bytes_unchanged(content, offsets, new):
    spans = sorted(offset for offset in offsets if offset <= len(content))
    edited = apply_edits(content, [ByteEdit(Span(offset, offset), b"", new) for offset in spans])
    rest = edited
    for number, offset in enumerate(spans):
        at = offset + number * len(new)
        assert edited[at : at + len(new)] == new
    for offset in reversed(spans):
        at = offset + spans.index(offset) * len(new)
        rest = rest[:at] + rest[at + len(new) :]
    assert rest == content


def _build_references(*written: str):
    return [reference(text, locator=f"stage[{number}]") for number, text in enumerate(written)]


def _build_key(locator: str):
    return FilePath("Dockerfile"), "dockerfile", locator


def test_edited_file_with_only_planned_changes_is_accepted():
    before, after = _build_references("a:1", "b:1"), _build_references(f"a:1@{digest('x')}", "b:1")
    assert has_only_planned_changes(before, after, {_build_key("stage[0]"): digest("x")})


@pytest.mark.parametrize(
    "after",
    [
        _build_references("a:1", "b:1"),
        _build_references(f"a:1@{digest('y')}", "b:1"),
        _build_references(f"a:1@{digest('x')}", f"b:1@{digest('x')}"),
        _build_references(f"a:2@{digest('x')}", "b:1"),
        _build_references(f"a:1@{digest('x')}"),
        _build_references(f"a:1@{digest('x')}", "b:1", "c:1"),
        [
            *_build_references(f"a:1@{digest('x')}", "b:1"),
            UnsupportedText(FilePath("Dockerfile"), 1, "", Reason.UNPARSABLE),
        ],
    ],
)
def test_edited_file_with_unplanned_or_missing_changes_is_rejected(after):
    assert not has_only_planned_changes(_build_references("a:1", "b:1"), after, {_build_key("stage[0]"): digest("x")})


def test_plan_for_missing_reference_is_rejected():
    before = _build_references("a:1")
    assert not has_only_planned_changes(before, before, {_build_key("stage[7]"): digest("x")})
    assert ImageName.parse("a:1").with_digest(digest("x")).digest == digest("x")


def test_edit_can_move_but_not_add_or_remove_unsupported_text():
    def templated(*lines: int):
        return [UnsupportedText(FilePath("Dockerfile"), line, "{{ x }}", Reason.TEMPLATED) for line in lines]

    assert has_only_planned_changes(templated(3, 4), templated(4, 5), {})
    assert not has_only_planned_changes(templated(3, 4), templated(4), {})
    assert not has_only_planned_changes(templated(3), templated(4, 5), {})


def _update_reference(content: str, written: str, new: UpdateCandidate, *, tag=True) -> str:
    """Return `content` with the reference `written` updated."""
    image, start = ImageName.parse(written), content.index(written)
    end_of_tag = start + len(f"{image.name}:{image.tag}")
    tag_slot = EditSlot(Span(end_of_tag - len(image.tag), end_of_tag), image.tag.encode())
    digest_slot = EditSlot(Span(end_of_tag, end_of_tag), b"", b"@")
    if image.digest:
        digest_slot = EditSlot(Span(end_of_tag + 1, start + len(written)), image.digest.encode())
    image_reference = reference(
        written, tag_slot=tag_slot if tag else NotEditable(Reason.SHARED_ARGUMENT), digest_slot=digest_slot
    )
    return apply_edits(content.encode(), list_edits(image_reference, new)).decode()


def test_tag_and_digest_are_edited_together():
    new = UpdateCandidate(digest("new"), tag="1.27.3")
    assert (
        _update_reference("FROM nginx:1.27.1 AS web\n", "nginx:1.27.1", new)
        == f"FROM nginx:1.27.3@{digest('new')} AS web\n"
    )
    pinned = f"nginx:1.27.1@{digest('old')}"
    assert _update_reference(f"FROM {pinned}\n", pinned, new) == f"FROM nginx:1.27.3@{digest('new')}\n"


def test_edit_keeps_tag_if_update_has_no_new_tag():
    assert (
        _update_reference("FROM nginx:1\n", "nginx:1", UpdateCandidate(digest("new")))
        == f"FROM nginx:1@{digest('new')}\n"
    )


def test_edited_file_is_rejected_if_tag_differs_from_planned_tag():
    before, after = _build_references("a:1"), _build_references(f"a:2@{digest('x')}")
    assert has_only_planned_changes(before, after, {_build_key("stage[0]"): digest("x")}, {_build_key("stage[0]"): "2"})
    assert not has_only_planned_changes(
        before, after, {_build_key("stage[0]"): digest("x")}, {_build_key("stage[0]"): "3"}
    )


@pytest.mark.parametrize(
    ("content", "tag", "misread"),
    [
        (b"tag: 1.19\n", "1.20", True),
        (b"tag: 1.19\n", "1.21", False),
        (b"tag: 1.19", "1.20", True),
        (b"tag: '1.19'\n", "1.20", False),
        (b"image: nginx:1.19\n", "1.20", False),
        (b"tag: 1.19@sha256:0\n", "1.20", False),
        (b"tag: 1.19\n", "1.20-alpine", False),
        (b"tag: 007\n", "010", True),
        (b"tag: 7\n", "8", False),
    ],
)
def test_unquoted_tag_that_yaml_would_parse_as_a_different_number_is_detected(content, tag, misread):
    old = re.search(rb"[0-9.]+", content)
    slot = EditSlot(Span(*old.span()), old[0])
    assert (
        is_misread_as_number(content, reference("nginx:1", tag_slot=slot), UpdateCandidate(digest("new"), tag=tag))
        is misread
    )
