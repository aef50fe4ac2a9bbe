"""Tests of which image references a change adds or modifies."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from support.soon import soon
from support.values import reference

from bot.core.references.changed_references import select_changed_references
from bot.model.source import FilePath, IgnoreComment, NotEditable, UnsupportedText
from bot.model.vocabulary import Reason, Role

FILE = FilePath("Dockerfile")
OLD = reference("python:3.12", locator="stage[0]")


def select_changed(current, earlier, changed_files=()):
    return select_changed_references(tuple(current), tuple(earlier), changed_files)


def test_reference_at_another_line_and_position_is_unchanged():
    moved = replace(OLD, line_number=9, locator="stage[3]", related_lines=(8,), notes=("x:3 sets it",), owners=("@a",))
    assert select_changed([moved], [OLD]) == ()


@pytest.mark.parametrize(
    "difference",
    [
        {"path": FilePath("web/Dockerfile")},
        {"image": reference("python:3.13").image},
        {"written": "${IMAGE}"},
        {"platform": "linux/arm64"},
        {"role": Role.THIRD_PARTY},
        {"digest_slot": NotEditable(Reason.OTHER_WRITER)},
        {"ignore_comment": IgnoreComment(3)},
        {"usages": ((FilePath("compose.yaml"), 3),)},
    ],
    ids=lambda each: next(iter(each)),
)
def test_reference_with_another_property_is_changed(difference):
    changed = replace(OLD, **difference)
    assert select_changed([changed], [OLD]) == (changed,)


def test_ignore_comment_with_a_later_end_changes_the_reference():
    earlier = replace(OLD, ignore_comment=IgnoreComment(3, date(2026, 1, 1)))
    assert select_changed([replace(OLD, ignore_comment=IgnoreComment(5, date(2026, 1, 1)))], [earlier]) == ()
    later = replace(OLD, ignore_comment=IgnoreComment(3, date(2027, 1, 1)))
    assert select_changed([later], [earlier]) == (later,)


def test_additional_equal_reference_is_changed_and_the_one_at_its_former_position_is_not():
    first, second = replace(OLD, locator="stage[1]"), replace(OLD, locator="stage[0]", line_number=9)
    assert select_changed([first, second], [OLD]) == (first,)


def test_unparsable_file_is_changed_if_content_changed_or_was_parsable_before():
    file = UnsupportedText(FILE, 1, "", Reason.UNPARSABLE)
    assert select_changed([file], [file]) == ()
    assert select_changed([file], [file], {FILE}) == (file,)
    assert select_changed([file], []) == (file,)
    text = UnsupportedText(FILE, 6, "$X", Reason.TEMPLATED)
    assert select_changed([text], [replace(text, line_number=1)], {FILE}) == ()


def test_changes_among_many_references_are_found_fast():
    many = [replace(OLD, locator=f"stage[{number}]") for number in range(20_000)]
    with soon(4):
        assert select_changed(many[::-1], many[1:]) == (many[0],)
