"""JSON with comments, compared with the standard library's parser after removing the comments."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.soon import soon

from bot.formats._syntax.broken import BrokenFile
from bot.formats._syntax.jsonc import (
    MAX_NESTING,
    MAX_TOKENS,
    JsonArray,
    JsonFile,
    JsonObject,
    JsonString,
    JsonWord,
    read_json,
    read_json5,
)
from bot.model.vocabulary import Reason

SPACES = st.sampled_from(["", " ", "\t", "\r\n", "\n", "// } é\n", "/* { \n ] */", "/**/", "//\n//\n"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def written(draw, value):
    """Return JSON for `value`, with spaces, comments and trailing commas at any positions that allow them."""

    def space():
        return draw(SPACES)

    def write(node):
        match node:
            case dict():
                inner = ",".join(f"{space()}{write(key)}{space()}:{write(each)}" for key, each in node.items())
                text = "{" + inner + (draw(st.sampled_from(["", ","])) if node else "") + space() + "}"
            case list():
                inner = ",".join(map(write, node))
                text = "[" + inner + (draw(st.sampled_from(["", ","])) if node else "") + space() + "]"
            case _:
                text = json.dumps(node, ensure_ascii=draw(st.booleans()))
        return space() + text + space()

    return draw(st.sampled_from(["", "\ufeff"])) + write(value)


def plain(value):
    match value:
        case JsonObject(_, items):
            return {name.value: plain(each) for name, each in items}
        case JsonArray(_, items):
            return [plain(each) for each in items]
        case JsonString(text):
            return text
        case JsonWord(text):
            return json.loads(text)


def texts(value):
    match value:
        case JsonObject(_, items):
            for name, each in items:
                yield name
                yield from texts(each)
        case JsonArray(_, items):
            for each in items:
                yield from texts(each)
        case JsonString():
            yield value


@given(st.data(), VALUES)
def test_json_written_with_comments_is_read_as_the_original_value(data, value):
    content = data.draw(written(value)).encode()
    read = read_json(content)
    assert isinstance(read, JsonFile)
    assert plain(read.root) == value
    for text in texts(read.root):
        assert content[text.start - 1 : text.start] == b'"'
        if text.is_literal:
            assert content[text.start :].startswith(text.value.encode() + b'"')


@given(st.binary(max_size=60) | st.text('{}[]:,"\\/* \n1tn', max_size=60).map(str.encode))
def test_json_reader_and_standard_library_agree_on_valid_json(content):
    read = read_json(content)
    try:
        expected = json.loads(content.decode())
    except (ValueError, RecursionError):
        return
    if b"NaN" not in content and b"Infinity" not in content:
        assert isinstance(read, JsonFile)
        assert plain(read.root) == expected


@pytest.mark.parametrize(
    ("content", "line_number", "reason"),
    [
        (b"", 1, Reason.UNPARSABLE),
        (b"{\n", 2, Reason.UNPARSABLE),
        (b'{"a": 1\n"b": 2}', 2, Reason.UNPARSABLE),
        (b"[1,,]", 1, Reason.UNPARSABLE),
        (b"[,]", 1, Reason.UNPARSABLE),
        (b"{,}", 1, Reason.UNPARSABLE),
        (b'{"a"}', 1, Reason.UNPARSABLE),
        (b"{a: 1}", 1, Reason.UNPARSABLE),
        (b"[1]\n[2]", 2, Reason.UNPARSABLE),
        (b'["a\nb"]', 1, Reason.UNPARSABLE),
        (b"[1]\n/* never closed", 2, Reason.UNPARSABLE),
        (b"[1] / 2", 1, Reason.UNPARSABLE),
        (b'["\\x41"]', 1, Reason.UNPARSABLE),
        (b"[\n'a']", 2, Reason.UNPARSABLE),
        (b'[\n"\xff"]', 2, Reason.UNPARSABLE),
        (b"[" * (MAX_NESTING + 2), 1, Reason.TOO_LARGE),
        (b"[\n" + b"1," * MAX_TOKENS, 2, Reason.TOO_LARGE),
    ],
)
def test_invalid_json_is_reported_with_reason_and_line_number(content, line_number, reason):
    read = read_json(content)
    assert isinstance(read, BrokenFile)
    assert (read.line_number, read.reason) == (line_number, reason)


def test_all_values_of_a_repeated_json_key_are_listed():
    read = read_json(b'{"a": 1, "b": 2, "a": 3}')
    assert [value.value for value in read.root.list_values("a")] == ["1", "3"]


@pytest.mark.parametrize("piece", [b"[", b'{"a":', b'"', b"/*", b"//", b"\\", b'"\\"', b"[1,", b"1", b" "])
def test_hostile_json_is_read_fast(piece):
    with soon(2):
        read_json(b"[" + piece * 400_000)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{a: 1, $b_2: 'x', \"c\": [true,],}", {"a": 1, "$b_2": "x", "c": [True]}),
        (r"'it\'s'", "it's"),
        (r"'\x41\u0042\n\q'", "AB\nq"),
        ("'over \\\nlines'", "over lines"),
        ("'over \\\r\nlines'", "over lines"),
        ("'é\\é'", "éé"),
        ("\ufeff// first\n{é: 'ü'} // last", {"é": "ü"}),
        ("{enabled: false}", {"enabled": False}),
    ],
)
def test_json5_with_single_quotes_bare_keys_and_continued_lines_is_read(source, value):
    read = read_json5(source.encode())
    assert isinstance(read, JsonFile)
    assert plain(read.root) == value


@pytest.mark.parametrize("source", ["{a: 'x\ny'}", "{a 1}", "'x", "{'a'}", "{,}", "/*", "{a: }"])
def test_invalid_json5_is_reported_as_broken(source):
    assert isinstance(read_json5(source.encode()), BrokenFile)


@given(VALUES.flatmap(written))
def test_json_reader_and_json5_reader_agree_on_json_with_comments(source):
    read = read_json5(source.encode())
    assert isinstance(read, JsonFile)
    assert plain(read.root) == plain(read_json(source.encode()).root)


@given(st.binary(max_size=60) | st.text(alphabet="{}[]:,'\"\\/*\n ab1", max_size=40).map(str.encode))
def test_arbitrary_bytes_read_as_json5_raise_no_error(content):
    assert isinstance(read_json5(content), JsonFile | BrokenFile)
