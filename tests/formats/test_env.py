"""`.env` files: assignments as compose reads them, and the bytes that their values stand in."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.expansion import expand
from bot.formats.env import FORMAT
from bot.model.remark import EnvironmentVariable, Literal
from bot.model.source import FilePath, SourceFile, Unsupported
from bot.model.vocabulary import Reason

PATH = FilePath(".env")


def extract(content: bytes):
    return list(FORMAT.extract(SourceFile(PATH, content)))


def values(text: str) -> dict[str, str | None]:
    """Return what each variable comes to in the end; None where it lacks another."""
    expanded = {}
    for variable in extract(text.encode()):
        assert isinstance(variable, EnvironmentVariable)
        expanded[variable.variable] = expand(variable.value, expanded, variable)
    return {name: None if value.missing else value.text for name, value in expanded.items()}


@pytest.mark.parametrize(
    ("paths", "chosen"),
    [
        ([".env", "compose.yaml"], [".env"]),
        (["a/.env", "a/docker-compose.prod.yml", ".env"], ["a/.env"]),
        (["a/.env", "a/b/compose.yaml", "compose.yaml"], []),
        (["prod.env", ".env.local", "x.env", "compose.yaml"], []),
        ([".env"], []),
    ],
)
def test_the_environment_beside_a_compose_file_is_selected(paths, chosen):
    assert FORMAT.selects([FilePath(path) for path in paths]) == chosen


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1", {"A": "1"}),
        ("A=1\nA=2\n", {"A": "2"}),
        ("export A=1\nexport\tB=2\n", {"A": "1", "B": "2"}),
        ("exported=1\n", {"exported": "1"}),
        ("A: 1\n", {"A": "1"}),
        ("A = 1 \n", {"A": "1"}),
        ("A=1 # no\nB=1#yes\n", {"A": "1", "B": "1#yes"}),
        ("A= # yes\n", {"A": "# yes"}),
        ("A='1 # yes' # no\n", {"A": "1 # yes"}),
        ('A="1"\n', {"A": "1"}),
        ("A='$B'\nC=\"$B\"\nD=$B\n", {"A": "$B", "C": None, "D": None}),
        ("B=1\nC=${B}.2\nB=3\n", {"B": "3", "C": "1.2"}),
        ("A=\nB=${A:-x}\n", {"A": "", "B": "x"}),
        ("A='x\ny'\nB=2\n", {"A": "x\ny", "B": "2"}),
        ("A\nB=2\n", {"B": "2"}),
        ("\n\n  # A=1\n", {}),
        ("", {}),
        ("größe=1\n", {"größe": "1"}),
        ('A="1" B=2\n', {"A": "1", "B": "2"}),
    ],
)
def test_assignments_are_read_as_compose_reads_them(text, expected):
    assert values(text) == expected


@pytest.mark.parametrize(
    ("text", "line_number"),
    [("A='x\n", 1), ('\nA="x\\"\n', 2), ("A B=1\n", 1), ("x\n$A=1\n", 2), ("A=1\nB=${\n", 2), ("{{ x }}\n", 1)],
)
def test_a_file_that_compose_refuses_sets_nothing_and_shows_nothing(text, line_number):
    assert extract(text.encode()) == [Unsupported(PATH, line_number, "", Reason.UNPARSABLE)]


def test_a_value_that_is_no_text_stands_nowhere():
    (variable,) = extract(b"A=\xff\n")
    assert variable.value == (Literal("\ufffd", None),)


def test_a_value_with_an_escape_stands_nowhere():
    (variable,) = extract(b'A="b\\\\c"\n')
    assert [part.span for part in variable.value] == [None]


def test_a_long_value_with_variables_is_kept_whole():
    text = "x" * 10_000 + "$B"
    variable, _ = extract(f"A={text}\nC=1\n".encode())
    assert variable.value[0] == Literal(text, None)
    assert [part.variable for part in variable.value[1:]] == ["B"]


WORDS = st.text("aA1_.:-@/ü $#'\"\\\t", max_size=8)


@given(lines=st.lists(st.tuples(st.sampled_from(["A", "export B", "C "]), WORDS, st.sampled_from(["", "'", '"']))))
def test_literals_stand_where_they_say(lines):
    content = "".join(f"{name}={quote}{word}{quote}\n" for name, word, quote in lines).encode()
    for found in extract(content):
        if isinstance(found, EnvironmentVariable):
            for part in found.value:
                if isinstance(part, Literal) and part.span is not None:
                    assert content[part.span.start : part.span.end].decode() == part.text
                    assert found.line_number == content.count(b"\n", 0, part.span.start) + 1


@pytest.mark.parametrize("unit", ["A=1\n", "A\n", "# x\n", "A='", 'A="\\', "A=${", "A=$A$A\n", " ", "export ", "A "])
def test_reading_takes_time_in_line_with_the_size(unit):
    content = unit.encode() * (1_000_000 // len(unit))
    began = time.process_time()
    extract(content)
    assert time.process_time() - began < 6
