"""`.env` files: assignments as compose reads them, and the byte offsets of their values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.soon import soon

from bot.core.references.edit import apply_edits, get_reference_key, has_only_planned_changes
from bot.core.references.expansion import expand_text
from bot.formats._readers.env import MAX_LINES
from bot.formats.compose import FORMAT as COMPOSE
from bot.formats.env import FORMAT
from bot.model.cross_file import EnvironmentVariable, LiteralText
from bot.model.image_name import Digest
from bot.model.path_index import index_paths
from bot.model.source import ByteEdit, EditSlot, FilePath, Reference, SourceFile, UnsupportedText
from bot.model.vocabulary import Reason
from bot.pipeline.references.extract import relate_references
from bot.pipeline.references.file_reading import read_file

HERE = Path(__file__).parent
PATH = FilePath(".env")


def extract(content: bytes):
    return list(FORMAT.extract(SourceFile(PATH, content)))


def values(text: str) -> dict[str, str | None]:
    """Return the final value of each variable, or None for a value that uses a variable that is not set."""
    expanded = {}
    for variable in extract(text.encode()):
        assert isinstance(variable, EnvironmentVariable)
        expanded[variable.variable] = expand_text(variable.value, expanded, variable)
    return {name: None if value.missing_variables else value.text for name, value in expanded.items()}


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
def test_env_file_is_selected_only_next_to_a_compose_file(paths, chosen):
    assert FORMAT.select_paths(index_paths([FilePath(path) for path in paths])) == chosen


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
def test_env_assignments_are_parsed_as_compose_does(text, expected):
    assert values(text) == expected


@pytest.mark.parametrize(
    ("text", "line_number"),
    [("A='x\n", 1), ('\nA="x\\"\n', 2), ("A B=1\n", 1), ("x\n$A=1\n", 2), ("A=1\nB=${\n", 2), ("{{ x }}\n", 1)],
)
def test_invalid_env_file_is_reported_without_quoting_the_text(text, line_number):
    assert extract(text.encode()) == [UnsupportedText(PATH, line_number, "", Reason.UNPARSABLE)]


def test_env_value_with_invalid_utf8_has_no_span_to_edit():
    (variable,) = extract(b"A=\xff\n")
    assert variable.value == (LiteralText("\ufffd", None),)


def test_env_value_with_escape_has_no_span_to_edit():
    (variable,) = extract(b'A="b\\\\c"\n')
    assert [part.span for part in variable.value] == [None]


def test_long_env_value_is_not_split_at_variables_but_variables_are_listed():
    text = "x" * 10_000 + "$B"
    variable, _ = extract(f"A={text}\nC=1\n".encode())
    assert variable.value[0] == LiteralText(text, None)
    assert [part.variable for part in variable.value[1:]] == ["B"]


WORDS = st.text("aA1_.:-@/ü $#'\"\\\t", max_size=8)


@given(lines=st.lists(st.tuples(st.sampled_from(["A", "export B", "C "]), WORDS, st.sampled_from(["", "'", '"']))))
def test_literals_in_env_values_have_exact_spans(lines):
    content = "".join(f"{name}={quote}{word}{quote}\n" for name, word, quote in lines).encode()
    for found in extract(content):
        if isinstance(found, EnvironmentVariable):
            for part in found.value:
                if isinstance(part, LiteralText) and part.span is not None:
                    assert content[part.span.start : part.span.end].decode() == part.text
                    assert found.line_number == content.count(b"\n", 0, part.span.start) + 1


@pytest.mark.parametrize("unit", ["A=1\n", "A\n", "# x\n", "A='", 'A="\\', "A=${", "A=$A$A\n", " ", "export ", "A "])
def test_env_file_is_read_in_linear_time(unit):
    content = unit.encode() * (200_000 // len(unit))
    with soon(1.25):
        extract(content)


FOLDERS = [
    {path.relative_to(before).as_posix(): path.read_bytes() for path in sorted(before.rglob("*")) if path.is_file()}
    for case in (
        "compose/environment",
        "compose/shared-variables",
        "compose/defaults",
        "env/syntax",
        "env/already-pinned",
    )
    for before in [HERE / case / "before"]
]
FRAGMENTS = [
    b"$",
    b"${",
    b"}",
    b":-",
    b"'",
    b'"',
    b"\\",
    b"\n",
    b"#",
    b" #",
    b"=",
    b"TAG",
    b"&a ",
    b"*a",
    b"|\n",
    b"@",
    b":",
]
NEW_DIGEST = Digest(f"sha256:{'b' * 64}")


@st.composite
def damaged_folders(draw):
    """Return the files of a case after a few cuts and insertions."""
    files = dict(draw(st.sampled_from(FOLDERS)))
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from(sorted(files)))
        content = files[path]
        start = draw(st.integers(0, len(content)))
        end = min(start + draw(st.integers(0, 20)), len(content))
        files[path] = content[:start] + draw(st.sampled_from([b"", *FRAGMENTS])) + content[end:]
    return files


def find_tree_references(files):
    formats = (COMPOSE, FORMAT)
    paths = index_paths([FilePath(path) for path in files])
    return relate_references(
        [read_file(SourceFile(path, files[path]), each) for each in formats for path in each.select_paths(paths)]
    )


def edited(files, edits):
    return {path: apply_edits(content, edits.get(path, [])) for path, content in files.items()}


@given(files=damaged_folders())
def test_images_from_env_files_are_edited_at_exact_spans(files):
    found = find_tree_references(files)
    references = [each for each in found if isinstance(each, Reference)]
    assert len({get_reference_key(each) for each in references}) == len(references)
    digests, tags = {}, {}
    for each in references:
        for slot, value, edits in ((each.digest_slot, NEW_DIGEST, digests), (each.tag_slot, "9.8-moved", tags)):
            if isinstance(slot, EditSlot):
                assert files[each.path][slot.span.start : slot.span.end] == slot.old
                edits.setdefault(each.path, []).append(ByteEdit(slot.span, slot.old, slot.prefix + value.encode()))
    planned = {get_reference_key(each): NEW_DIGEST for each in references if isinstance(each.digest_slot, EditSlot)}
    assert has_only_planned_changes(found, find_tree_references(edited(files, digests)), planned)
    moved = {
        get_reference_key(each): each.image
        for each in find_tree_references(edited(files, tags))
        if isinstance(each, Reference)
    }
    for each in references:
        expected = replace(each.image, tag="9.8-moved") if isinstance(each.tag_slot, EditSlot) else each.image
        assert moved[get_reference_key(each)] == expected


def test_env_file_with_too_many_lines_is_reported_as_too_large():
    (found,) = FORMAT.extract(SourceFile(FilePath(".env"), b"A=1\n" * (MAX_LINES + 1)))
    assert isinstance(found, UnsupportedText)
    assert found.reason is Reason.TOO_LARGE
