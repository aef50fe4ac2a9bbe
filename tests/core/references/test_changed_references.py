"""Tests of which image references a change touches."""

from __future__ import annotations

import random

import pytest
from support.soon import soon
from support.values import reference

from bot.core.references.changed_references import ChangedFile, ChangedFiles
from bot.model.source import FilePath, UnsupportedText
from bot.model.vocabulary import Reason

CONTENT = b"ARG HUB=\\\n# why\n\nquay.io\nRUN echo $HUB\nRUN x\n\n# a comment\nFROM ${HUB}/python:3\n"
FILE = FilePath("Dockerfile")


def is_touched_by(reference, *changed: range) -> bool:
    return ChangedFiles({FILE: ChangedFile(CONTENT, changed)}).is_touched(reference)


@pytest.mark.parametrize(
    ("line", "is_touched"), [(1, True), (2, True), (4, True), (5, True), (6, False), (8, True), (9, True), (10, False)]
)
def test_change_in_instruction_that_sets_variable_touches_reference(line, is_touched):
    image_reference = reference("python:3", line_number=9, variables=("HUB",), at=len(CONTENT) - 1)
    assert is_touched_by(image_reference, range(line, line + 1)) is is_touched
    unvaried = reference("python:3", line_number=9, at=len(CONTENT) - 1)
    assert is_touched_by(unvaried, range(line, line + 1)) is (line == 9)


def test_any_changed_line_touches_reference_with_variable_in_bake_file():
    image_reference = reference("python:3", line_number=9, variables=("HUB",), format="bake", at=len(CONTENT) - 1)
    assert is_touched_by(image_reference, range(6, 7))
    assert not is_touched_by(image_reference)


def test_unsupported_text_is_touched_by_own_line_and_unparsable_file_by_any_line():
    assert is_touched_by(UnsupportedText(FILE, 1, "", Reason.UNPARSABLE), range(6, 7))
    assert not is_touched_by(UnsupportedText(FILE, 1, "$X", Reason.TEMPLATED), range(6, 7))
    assert is_touched_by(UnsupportedText(FILE, 6, "$X", Reason.TEMPLATED), range(6, 7))


def test_changed_lines_are_found_in_unsorted_ranges():
    chosen = random.Random(1)
    for _ in range(50):
        starts = chosen.sample(range(1, 200, 5), 8)
        ranges = [range(start, start + chosen.randint(1, 4)) for start in starts]
        file = ChangedFile(b"", ranges)
        new = {number for each in ranges for number in each}
        assert {number for number in range(220) if file.has_changed((number,))} == new


def test_change_is_found_fast_in_long_file_with_many_changed_ranges():
    content = b"# a comment\nFROM x\n" * 50_000
    file = ChangedFile(content, [range(number, number + 1) for number in range(1, 100_000, 2)])
    image_reference = reference("python:3", line_number=100_000, variables=("HUB",), at=len(content))
    with soon(2):
        assert not any(ChangedFiles({FILE: file}).is_touched(image_reference) for _ in range(20))
