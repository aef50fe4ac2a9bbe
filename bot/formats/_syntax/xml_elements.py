"""Parse XML into a tree of elements. The texts of elements have byte offsets.

The parser is expat. The parser opens no other file and no URL. A file that declares entities is not parsed, because a
declared entity can make a short file expand to a very long text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple
from xml.parsers import expat

from bot.formats._syntax.broken import BrokenAtError, BrokenFile
from bot.formats._syntax.line_offsets import LineOffsets
from bot.model.vocabulary import Reason

MAX_NESTING = 100
"""Limit on nested elements. Project files of Maven and MSBuild nest about fifteen."""

MAX_ELEMENTS = 200_000
"""Limit on the elements of one file. Even generated project files have fewer elements. A tree of MAX_ELEMENTS elements
takes about 50 MiB."""

MAX_EQUALS_SIGNS = 400_000
"""Limit on the equals signs in one file, each of which may belong to an attribute. The parser builds all attributes of
an element at once. Generated project files have fewer than a hundred thousand."""

MAX_MIXED_BYTES = 1_024
"""Limit on the text of an element that contains elements. Such a text is not an image, so it is only shown. Without the
limit, elements inside each other would multiply the memory of their texts."""

_ENCODING = "utf-8"
_SPACES = b" \t\r\n"


_START_TAG = re.compile(rb"""<(?:[^"'>]++|"[^"]*+"|'[^']*+')*+>""")


class XmlText(NamedTuple):
    """The text of an element, without the spaces around it."""

    value: str
    start: int
    """The byte offset of `value`, or of the element if `value` is empty."""
    is_literal: bool
    """False if the text contains an entity, a comment, a CDATA section or an element. `value` is then their source. The
    source is cut to MAX_MIXED_BYTES if it contains an element."""


@dataclass(slots=True)
class XmlElement:
    """An element, with its child elements in the order of the file. Attributes are left out."""

    name: str
    start: int
    """The byte offset of the `<` of the start tag."""
    end: int = 0
    """The byte offset of the `<` of the end tag. It is `start` if the element has no end tag (`<name/>`)."""
    children: list[XmlElement] = field(default_factory=list)

    def list_children(self, name: str) -> Iterator[XmlElement]:
        """Yield the child elements with the given name."""
        return (child for child in self.children if child.name == name)

    def find_descendants(self, *names: str) -> Iterator[XmlElement]:
        """Yield the elements to which a path of names leads from this element."""
        if not names:
            yield self
            return
        for child in self.list_children(names[0]):
            yield from child.find_descendants(*names[1:])

    def walk(self) -> Iterator[XmlElement]:
        """Yield this element and all elements in it, in the order of the file."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting += reversed(element.children)


@dataclass(frozen=True)
class XmlFile:
    """A parsed XML file."""

    content: bytes
    root: XmlElement

    @cached_property
    def line_offsets(self) -> LineOffsets:
        """The offsets of the file's lines, computed on first use."""
        return LineOffsets(self.content)

    def get_line_number(self, offset: int) -> int:
        """Return the number of the line that contains the byte at `offset`. Lines are numbered from 1."""
        return self.line_offsets.get_line_number(offset)

    def get_text(self, element: XmlElement) -> XmlText:
        """Return the text of `element`. The text of an element that contains elements is not literal."""
        tag = _START_TAG.match(self.content, element.start)
        if tag is None or tag.end() > element.end:
            return XmlText("", element.start, is_literal=True)
        end = min(element.end, tag.end() + MAX_MIXED_BYTES) if element.children else element.end
        source = self.content[tag.end() : end]
        value = source.strip(_SPACES)
        start = tag.end() + len(source) - len(source.lstrip(_SPACES)) if value else element.start
        is_literal = not element.children and b"<" not in value and b"&" not in value
        return XmlText(value.decode(_ENCODING, errors="replace"), start, is_literal)


def read_xml(content: bytes) -> XmlFile | BrokenFile:
    """Parse XML that is encoded in UTF-8. Return a `BrokenFile` if the file cannot be parsed."""
    try:
        content.decode(_ENCODING)
        return XmlFile(content, _XmlParser(content).parse_file())
    except (UnicodeDecodeError, BrokenAtError) as error:
        return BrokenFile.create_from_error(content, error)


class _XmlParser:
    """Builds the tree of one file from the events of expat."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._parser = expat.ParserCreate(_ENCODING)
        self._element_count = 0
        self._document = XmlElement("", 0)
        self._open = [self._document]

    def parse_file(self) -> XmlElement:
        """Return the root element.

        Raises BrokenAtError if the XML is not well-formed, declares an entity or exceeds a limit.
        """
        if self._content.count(b"=") > MAX_EQUALS_SIGNS:
            raise BrokenAtError(0, Reason.TOO_LARGE)
        parser = self._parser
        parser.ordered_attributes = True  # a list, which costs less than a dictionary
        parser.StartElementHandler = self._start_element
        parser.EndElementHandler = self._end_element
        parser.EntityDeclHandler = self._refuse_entity
        try:
            parser.Parse(self._content, True)  # noqa: FBT003 - the parameter has no name
        except expat.ExpatError:
            raise BrokenAtError(parser.ErrorByteIndex) from None
        finally:
            # The handlers refer to this object, which refers to the parser.
            parser.StartElementHandler = parser.EndElementHandler = parser.EntityDeclHandler = None
        return self._document.children[0]

    def _start_element(self, name: str, _attributes: object) -> None:
        element = XmlElement(name, self._parser.CurrentByteIndex)
        self._element_count += 1
        if len(self._open) > MAX_NESTING or self._element_count > MAX_ELEMENTS:
            raise BrokenAtError(element.start, Reason.TOO_LARGE)
        self._open[-1].children.append(element)
        self._open.append(element)

    def _end_element(self, _name: str) -> None:
        self._open.pop().end = self._parser.CurrentByteIndex

    def _refuse_entity(self, *_declaration: object) -> None:
        raise BrokenAtError(self._parser.CurrentByteIndex)
