"""Tests of which comments in a file apply to an image reference."""

from __future__ import annotations

from datetime import date

import pytest

from bot.core.references import ignore_comments
from bot.core.references.ignore_comments import MAX_COMMENT_LINES, IgnoreCommentFinder
from bot.model.source import IgnoreComment


def find_comment(content: str, *line_numbers: int, at_line_end: bool = True) -> IgnoreComment | None:
    return IgnoreCommentFinder(content.encode(), at_line_end=at_line_end).find_comment(line_numbers)


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("# basebump: ignore", IgnoreComment(1)),
        ("#basebump:ignore", IgnoreComment(1)),
        ("  ## basebump: ignore", IgnoreComment(1)),
        ("// basebump: ignore", IgnoreComment(1)),
        ("# basebump: ignore until the new base is out", IgnoreComment(1, None, "until the new base is out")),
        ("# basebump: ignore until=2027-01-31", IgnoreComment(1, date(2027, 1, 31))),
        ("# basebump: ignore until=2027-01-31 ABC-12", IgnoreComment(1, date(2027, 1, 31), "ABC-12")),
        ("# basebump: ignore until=2027-02-31", IgnoreComment(1, None, "until=2027-02-31")),
        ("# basebump: ignore until=soon", IgnoreComment(1, None, "until=soon")),
        ("# basebump: ignore\r", IgnoreComment(1)),
        ("  <!-- basebump: ignore -->", IgnoreComment(1)),
        ("<!--basebump: ignore until=2027-01-31 ABC-12-->", IgnoreComment(1, date(2027, 1, 31), "ABC-12")),
        ("<!-- basebump: ignored -->", None),
        ("<!-- see basebump: ignore -->", None),
        ("# basebump: ignored", None),
        ("# basebump: none", None),
        ("# see basebump: ignore", None),
        ("RUN basebump: ignore", None),
    ],
)
def test_ignore_comment_above_reference_is_parsed_with_date_and_reason(comment, expected):
    assert find_comment(f"{comment}\nimage: nginx\n", 2) == expected


@pytest.mark.parametrize(
    ("content", "line_number"),
    [
        ("# basebump: ignore\n# more\n#\nimage: nginx", 4),
        ("# basebump: ignore\r\nimage: nginx", 2),
        ("<!-- basebump: ignore -->\n<!-- more -->\n<image>nginx</image>", 3),
        ("<image>nginx</image><!-- basebump: ignore --></a>", 1),
    ],
)
def test_ignore_comment_in_block_directly_above_reference_applies(content, line_number):
    assert find_comment(content, line_number) == IgnoreComment(1)


@pytest.mark.parametrize(
    ("content", "line_number"),
    [
        ("# basebump: ignore\n\nimage: nginx", 3),
        ("# basebump: ignore\nname: web\nimage: nginx", 3),
        ("image: nginx\n# basebump: ignore", 1),
        ("image: nginx # basebump: ignore\nimage: redis", 2),
    ],
)
def test_ignore_comment_not_directly_above_reference_does_not_apply(content, line_number):
    assert find_comment(content, line_number) is None


def test_ignore_comment_at_end_of_line_applies_only_if_format_allows():
    assert find_comment("FROM nginx # basebump: ignore why", 1) == IgnoreComment(1, None, "why")
    assert find_comment("FROM nginx # basebump: ignore why", 1, at_line_end=False) is None
    assert find_comment("image: nginx# basebump: ignore", 1) is None


def test_ignore_comment_above_any_line_of_reference_applies():
    content = "# basebump: ignore\nARG BASE=nginx\n\nFROM ${BASE}\n"
    assert find_comment(content, 4, 2) == IgnoreComment(1)
    assert find_comment(content, 4) is None


def test_ignore_comment_beyond_line_limit_of_comment_block_is_not_found():
    content = "# basebump: ignore\n" + "#\n" * MAX_COMMENT_LINES + "image: nginx"
    assert find_comment(content, MAX_COMMENT_LINES + 2) is None


def test_line_number_beyond_end_of_file_has_no_ignore_comment():
    assert find_comment("# basebump: ignore", 9) is None


@pytest.mark.parametrize("key", ["db:", "db: &db", '"db": # the old one', "- db:", "db:\r"])
def test_ignore_comment_above_key_applies_to_first_line_below_key(key):
    assert find_comment(f"services:\n  # basebump: ignore\n  {key}\n      image: postgres:16\n", 4) == IgnoreComment(2)


@pytest.mark.parametrize(
    "text",
    [
        "# basebump: ignore\ndb:\n  ports: [1]\n  image: a",  # there is more in between
        "# basebump: ignore\ndb:\nimage: b\n  c: d",  # not below it
        "# basebump: ignore\ndb: value\n  image: a\n",  # no key alone
        "# basebump: ignore\n\ndb:\n  image: a",  # not directly above
        "# basebump: ignore\na:\n  b:\n    image: c",  # above a key further up
    ],
)
def test_ignore_comment_above_key_does_not_apply_to_later_or_deeper_lines(text):
    number = next(number for number, line in enumerate(text.split("\n"), start=1) if "image" in line)
    assert find_comment(text, number) is None


def test_ignore_comment_above_key_does_not_apply_if_format_has_no_line_end_comments():
    assert find_comment("# basebump: ignore\nLABEL:\n  FROM a", 3, at_line_end=False) is None


def test_each_line_is_searched_for_ignore_comments_only_once(monkeypatch):
    searched_lines, list_comment_lines = [], ignore_comments._list_comment_lines
    monkeypatch.setattr(
        ignore_comments,
        "_list_comment_lines",
        lambda lines, number, **more: searched_lines.append(number) or list_comment_lines(lines, number, **more),
    )
    finder = IgnoreCommentFinder(b"# basebump: nothing\n" * 100, at_line_end=True)
    assert all(finder.find_comment((number, 50, 60)) is None for number in range(1, 51))
    assert sorted(searched_lines) == [*range(1, 51), 60]
