"""HCL: the parsed trees and their byte offsets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.soon import soon

from bot.formats._syntax.broken import BrokenFile
from bot.formats._syntax.hcl import tokens
from bot.formats._syntax.hcl.reader import ComputedExpression, HclBlock, HclFile, HclObject, HclTuple, read_hcl
from bot.formats._syntax.hcl.tokens import MAX_NESTING, MAX_TOKENS, HclInterpolation, HclLiteral, HclTemplate
from bot.model.vocabulary import Reason


def body(text: str):
    read = read_hcl(text.encode())
    assert isinstance(read, HclFile), read
    return read.body


def value(text: str, name: str = "a"):
    return body(text).get_value(name)


def plain(text: str) -> str:
    template = value(text)
    assert isinstance(template, HclTemplate)
    return (template.value or b"").decode()


def broken(text: str) -> BrokenFile:
    read = read_hcl(text.encode())
    assert isinstance(read, BrokenFile)
    return read


def test_hcl_quoted_text_has_byte_offset_and_line_number():
    content = '# ü\n\na = "nginx:1.27" // evil\n'.encode()
    read = read_hcl(content)
    assert isinstance(read, HclFile)
    template = read.body.get_value("a")
    assert isinstance(template, HclTemplate)
    assert template.value == b"nginx:1.27"
    assert template.value_start == content.index(b"nginx")
    assert read.get_line_number(template.value_start) == 3
    assert read.get_source_text(template) == '"nginx:1.27"'


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (r'"a\nb"', "a\nb"),
        (r'"a\"b"', 'a"b'),
        (r'"a\u00fcb"', "aüb"),
        (r'"\U0001F433"', "🐳"),
        ('"$${a}"', "${a}"),
        ('"%%{a}"', "%{a}"),
        ('"$a %b $"', "$a %b $"),
        ('""', ""),
    ],
)
def test_escapes_in_hcl_strings_are_decoded(source, text):
    assert plain(f"a = {source}\n") == text


@pytest.mark.parametrize("source", [r'"b\u0061"', r'"\u0061b"', '"$${a}"', r'"a\\b"'])
def test_hcl_text_with_escape_has_no_offset(source):
    template = value(f"a = {source}\n")
    assert isinstance(template, HclTemplate)
    assert template.value_start is None


def test_hcl_template_is_split_into_literals_and_interpolations():
    template = value('a = "nginx:${ TAG }-${x("}")}"\n')
    assert isinstance(template, HclTemplate)
    assert template.value is None
    assert template.parts == (
        HclLiteral(b"nginx:", 5),
        HclInterpolation(11, 19, b"TAG"),
        HclLiteral(b"-", 19),
        HclInterpolation(20, 29, b'x("}")'),
    )


@pytest.mark.parametrize("inner", ['"}"', '{ b = "}" }', '"${"}"}"', "/* } */ b", 'b ? "c" : "d"'])
def test_hcl_interpolation_ends_at_matching_brace(inner):
    template = value(f'a = "${{{inner}}}!"\n')
    assert isinstance(template, HclTemplate)
    assert template.parts[-1] == HclLiteral(b"!", 8 + len(inner))


def test_hcl_heredoc_is_read_without_decoding_escapes():
    assert plain('a = <<EOF\n  b\\n "c"\n\nEOF\n') == '  b\\n "c"\n\n'


def test_hcl_heredoc_ends_at_terminator_surrounded_by_spaces():
    assert body("a = <<-EOF\n  b\n  EOF \nc = 1\n").attributes[1].name == "c"


def test_indented_hcl_heredoc_loses_indentation_except_on_blank_lines():
    template = value("a = <<-EOF\n    b\n  \n      c\n    EOF\n")
    assert isinstance(template, HclTemplate)
    assert template.parts == (HclLiteral(b"b\n", 15), HclLiteral(b"  \n", 17), HclLiteral(b"  c\n", 24))


def test_hcl_heredoc_keeps_indentation_if_a_line_starts_with_interpolation():
    template = value("a = <<-EOF\n  b\n${c}\nEOF\n")
    assert isinstance(template, HclTemplate)
    assert template.parts[0] == HclLiteral(b"  b\n", 11)


def test_hcl_heredoc_does_not_end_inside_interpolation():
    template = value("a = <<EOF\n${\nEOF\n}\nEOF\n")
    assert isinstance(template, HclTemplate)
    assert [type(part) for part in template.parts] == [HclInterpolation, HclLiteral]


def test_hcl_block_is_parsed_with_labels_attributes_and_inner_blocks():
    (block,) = body('resource "docker_image" web {\n  name = "a"\n  inner {}\n}\n').blocks
    assert isinstance(block, HclBlock)
    assert (block.type, block.labels) == ("resource", ("docker_image", "web"))
    assert [each.name for each in block.body.attributes] == ["name"]
    assert [each.type for each in block.body.list_blocks("inner")] == ["inner"]


def test_hcl_blocks_on_a_single_line_are_parsed():
    assert [block.type for block in body('variable "a" { default = "b" }\nc {}').blocks] == ["variable", "c"]


def test_hcl_object_keys_are_read_in_all_spellings_except_expressions():
    value_of = value('a = { b = 1, "c" : 2\n d = 3\n (e) = 4, f.g = 5, 6 = 7 }\n')
    assert isinstance(value_of, HclObject)
    assert [item.name for item in value_of.items] == ["b", "c", "d", None, None, "6"]


def test_hcl_tuple_is_parsed_over_several_lines():
    items = value('a = [\n  "b", # evil\n  "c"\n  ,\n  {}, []\n]\n')
    assert isinstance(items, HclTuple)
    assert [type(item) for item in items.items] == [HclTemplate, HclTemplate, HclObject, HclTuple]


@pytest.mark.parametrize(
    "source",
    [
        "b",
        "1.5",
        '"b" == "c"',
        '"b".c',
        "[for x in y : x]",
        '{ for k, v in y : k => "v" }',
        "f(\n  1,\n  2\n)",
        '{ b = "c" }["b"]',
        '["b"][0]',
        "(\n 1\n)",
        'b ? "c" : "d"',
    ],
)
def test_hcl_expression_that_is_not_a_literal_keeps_the_source_text(source):
    content = f"a = {source}\nb = 1\n".encode()
    read = read_hcl(content)
    assert isinstance(read, HclFile)
    computed = read.body.get_value("a")
    assert isinstance(computed, ComputedExpression)
    assert read.get_source_text(computed) == source
    assert [each.name for each in read.body.attributes] == ["a", "b"]


def test_last_hcl_attribute_with_a_name_replaces_earlier_ones():
    assert plain('a = "b"\na = "c"\n') == "c"


@pytest.mark.parametrize("comment", ["# evil", "// evil", "/* evil\n}{ */"])
def test_comments_in_hcl_are_ignored(comment):
    assert plain(f'{comment}\na = "b" {comment}\n') == "b"


def test_byte_order_mark_and_carriage_returns_in_hcl_are_ignored():
    read = read_hcl(b'\xef\xbb\xbfa = "b"\r\nc {\r\n}\r\n')
    assert isinstance(read, HclFile)
    template = read.body.get_value("a")
    assert isinstance(template, HclTemplate)
    assert (template.value, template.value_start) == (b"b", 8)


@pytest.mark.parametrize(
    ("text", "line_number"),
    [
        ('a = "b\n', 1),
        ("a = <<EOF\nb\n", 1),
        ("a = {\n", 2),
        ("\na =\n", 2),
        ("\na b\n", 2),
        ("a {\n", 2),
        ("}\n", 1),
        ("/* b\n", 1),
        ('a = "${"\n', 1),
        ("a = [1 2}\n", 1),
        (r'a = "\q"', 1),
        (r'a = "\UFFFFFFFF"', 1),
        ("\n{{ evil }}\n", 2),
    ],
)
def test_invalid_hcl_is_reported_with_line_number(text, line_number):
    assert (broken(text).reason, broken(text).line_number) == (Reason.UNPARSABLE, line_number)


def test_invalid_utf8_in_hcl_is_reported_as_unparsable():
    read = read_hcl(b'a = "b"\nc = "\xff"\n')
    assert isinstance(read, BrokenFile)
    assert (read.reason, read.line_number) == (Reason.UNPARSABLE, 2)


DEEP = MAX_NESTING * 20


@pytest.mark.parametrize(
    "text",
    ["a = " + "[" * DEEP, "a = " + "{b=" * DEEP, "a = " + "(" * DEEP, "a {\n" * DEEP, 'a = "' + '${"' * DEEP],
    ids=["tuples", "objects", "parentheses", "blocks", "templates"],
)
def test_too_deeply_nested_hcl_is_refused(text):
    assert broken(text).reason is Reason.TOO_LARGE


def test_hcl_file_with_too_many_tokens_is_refused(monkeypatch):
    assert MAX_TOKENS >= 500_000
    monkeypatch.setattr(tokens, "MAX_TOKENS", 1000)
    assert broken("\n" * 1001).reason is Reason.TOO_LARGE
    assert isinstance(read_hcl(b"\n" * 1000), HclFile)


@pytest.mark.parametrize("unit", ["a=b\n", "a={}\n", "a {}\n", "a=<<E\nE\n"])
def test_reading_hcl_ends_soon_after_the_last_allowed_token(unit, monkeypatch):
    monkeypatch.setattr(tokens, "MAX_TOKENS", MAX_TOKENS // 40)
    with soon(0.5):
        assert broken(unit * (2_000_000 // len(unit))).reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    "unit",
    ["/*", '"', "<<A\n", '"${', "a = <<-A\n", "a = [\n", "${", "\\", 'a = "$${\n', "a {\n}\n", 'a = "b${c}d"\n'],
)
def test_hcl_is_read_in_linear_time(unit):
    content = (unit * (200_000 // len(unit))).encode()
    with soon(1):
        read_hcl(content)


PIECES = [*'a={}[],#()\\\n"', " = ", "${", "<<-A\n", "A\n", "/*", "*/", "for "]


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=40))
def test_arbitrary_hcl_raises_no_error_and_literals_have_exact_offsets(pieces):
    content = "".join(pieces).encode()
    read = read_hcl(content)
    if isinstance(read, HclFile):
        for attribute in read.body.attributes:
            if isinstance(attribute.value, HclTemplate):
                for part in attribute.value.parts:
                    if isinstance(part, HclLiteral) and part.start is not None:
                        assert content[part.start : part.start + len(part.value)] == part.value
