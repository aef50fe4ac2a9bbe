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


def touched(place, *changed: range) -> bool:
    return ChangedFiles({FILE: ChangedFile(CONTENT, changed)}).is_touched(place)


@pytest.mark.parametrize(
    ("line", "is_touched"), [(1, True), (2, True), (4, True), (5, True), (6, False), (8, True), (9, True), (10, False)]
)
def test_an_instruction_that_names_a_variable_touches_what_it_decides(line, is_touched):
    place = reference("python:3", line_number=9, variables=("HUB",), at=len(CONTENT) - 1)
    assert touched(place, range(line, line + 1)) is is_touched
    unvaried = reference("python:3", line_number=9, at=len(CONTENT) - 1)
    assert touched(unvaried, range(line, line + 1)) is (line == 9)


def test_in_other_files_any_line_may_set_a_variable():
    place = reference("python:3", line_number=9, variables=("HUB",), format="bake", at=len(CONTENT) - 1)
    assert touched(place, range(6, 7))
    assert not touched(place)


def test_of_a_file_that_nobody_could_read_any_line_counts_and_of_a_text_its_own():
    assert touched(UnsupportedText(FILE, 1, "", Reason.UNPARSABLE), range(6, 7))
    assert not touched(UnsupportedText(FILE, 1, "$X", Reason.TEMPLATED), range(6, 7))
    assert touched(UnsupportedText(FILE, 6, "$X", Reason.TEMPLATED), range(6, 7))


def test_a_line_is_new_where_any_of_the_ranges_has_it_in_any_order():
    chosen = random.Random(1)
    for _ in range(50):
        starts = chosen.sample(range(1, 200, 5), 8)
        ranges = [range(start, start + chosen.randint(1, 4)) for start in starts]
        file = ChangedFile(b"", ranges)
        new = {number for each in ranges for number in each}
        assert {number for number in range(220) if file.has_changed((number,))} == new


def test_a_long_file_with_many_changes_takes_no_time_for_each_of_both():
    content = b"# a comment\nFROM x\n" * 50_000
    file = ChangedFile(content, [range(number, number + 1) for number in range(1, 100_000, 2)])
    place = reference("python:3", line_number=100_000, variables=("HUB",), at=len(content))
    with soon(2):
        assert not any(ChangedFiles({FILE: file}).is_touched(place) for _ in range(20))
