"""XML: the tree of elements, the byte offsets of texts, and the limits of the parser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.formats._syntax.broken import BrokenFile
from bot.formats._syntax.xml_elements import (
    MAX_ELEMENTS,
    MAX_EQUALS_SIGNS,
    MAX_MIXED_BYTES,
    MAX_NESTING,
    XmlFile,
    XmlText,
    read_xml,
)
from bot.model.vocabulary import Reason


def parse(text):
    xml = read_xml(text.encode())
    assert isinstance(xml, XmlFile)
    return xml


def get_root_text(xml):
    return xml.get_text(xml.root)


@pytest.mark.parametrize(
    "source",
    [
        "<a>nginx:1</a>",
        "\ufeff<a>\r\n  nginx:1\r\n</a>",
        "<!-- größe --><a b='1>2' c=\"'\">nginx:1</a >",
        '<?xml version="1.0" encoding="iso-8859-1"?><!-- größe --><a>nginx:1</a>',
        "<!DOCTYPE a SYSTEM 'http://127.0.0.1:9/none.dtd'><a>nginx:1</a>",
    ],
)
def test_xml_text_has_exact_byte_offset(source):
    text = get_root_text(parse(source))
    assert text.is_literal
    assert text.value == "nginx:1"
    assert source.encode()[text.start :].startswith(b"nginx:1")


@pytest.mark.parametrize("source", ["a&amp;b", "a&#58;1", "<![CDATA[a]]>", "a<!-- b -->", "<b>a</b>"])
def test_xml_text_with_markup_or_escapes_is_not_literal(source):
    assert not get_root_text(parse(f"<a>{source}</a>")).is_literal


@pytest.mark.parametrize("source", ["<a/>", "<a></a>", "<a> \n </a>", "<a b='c'/>"])
def test_empty_xml_element_has_empty_text(source):
    assert get_root_text(parse(source)) == XmlText("", 0, is_literal=True)


def test_xml_elements_are_walked_in_order_of_the_file():
    xml = parse("<a><b><c/></b><d><b/></d></a>")
    assert [element.name for element in xml.root.walk()] == ["a", "b", "c", "d", "b"]
    assert [element.start for element in xml.root.find_descendants("d", "b")] == [17]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.UNPARSABLE),
        (b"<a>", Reason.UNPARSABLE),
        (b"<a></b>", Reason.UNPARSABLE),
        (b"<a>&undeclared;</a>", Reason.UNPARSABLE),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a/>', Reason.UNPARSABLE),
        (b'<!DOCTYPE a [<!ENTITY % b "c">]><a/>', Reason.UNPARSABLE),
        (b'<!DOCTYPE a [<!ENTITY b SYSTEM "/etc/passwd">]><a>&b;</a>', Reason.UNPARSABLE),
        (b"<a>\xff</a>", Reason.UNPARSABLE),
        (b"<a>" * (MAX_NESTING + 1) + b"</a>" * (MAX_NESTING + 1), Reason.TOO_LARGE),
        (b"<a>" + b"<b/>" * MAX_ELEMENTS + b"</a>", Reason.TOO_LARGE),
    ],
)
def test_unreadable_xml_file_is_reported_with_reason(content, reason):
    broken = read_xml(content)
    assert isinstance(broken, BrokenFile)
    assert broken.reason is reason


def test_xml_tree_of_maximum_size_is_read():
    nested = b"<a>" * MAX_NESTING + b"</a>" * MAX_NESTING
    wide = b"<a>" + b"<b/>" * (MAX_ELEMENTS - 1) + b"</a>"
    assert isinstance(read_xml(nested), XmlFile)
    assert isinstance(read_xml(wide), XmlFile)


@given(
    pieces=st.lists(st.sampled_from(["<a>", "</a>", "<b/>", "x", "&amp;", "<!--y-->", " ", "é", "<", ">"]), max_size=12)
)
def test_xml_elements_and_texts_have_exact_offsets(pieces):
    content = f"<r>{''.join(pieces)}</r>".encode()
    xml = read_xml(content)
    for element in xml.root.walk() if isinstance(xml, XmlFile) else ():
        text = xml.get_text(element)
        assert content[element.start :].startswith(f"<{element.name}".encode())
        assert not text.value or content[text.start :].startswith(text.value.encode())


def test_xml_text_with_child_elements_is_cut_and_not_literal():
    text = get_root_text(parse(f"<a> {'é' * MAX_MIXED_BYTES}<b/></a>"))
    assert len(text.value.encode()) <= MAX_MIXED_BYTES + 3
    assert (text.start, text.is_literal) == (4, False)


def test_xml_file_with_too_many_attributes_is_too_large():
    broken = read_xml(f"<a {'b=' * (MAX_EQUALS_SIGNS + 1)}".encode())
    assert isinstance(broken, BrokenFile)
    assert broken.reason is Reason.TOO_LARGE
