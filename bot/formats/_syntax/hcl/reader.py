"""Parse HCL in its native syntax into trees. Strings have byte offsets. Computed expressions are not parsed further.

The syntax follows https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md. Text that HCL would reject is read as
far as possible.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from bot.formats._syntax.broken import BrokenAtError, BrokenFile
from bot.formats._syntax.hcl.tokens import (
    END,
    IDENTIFIER,
    MAX_NESTING,
    NEWLINE,
    NUMBER,
    TEMPLATE,
    HclTemplate,
    HclToken,
    read_tokens,
)
from bot.formats._syntax.line_offsets import LineOffsets
from bot.model.vocabulary import Reason

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_ENDS_EXPRESSION = frozenset({",", ")", "]", "}", END})
_ENDS_LINE = _ENDS_EXPRESSION | {NEWLINE}
_ENDS_KEY = frozenset({"=", ":", END})


@dataclass(frozen=True, slots=True)
class ComputedExpression:
    """The byte range of an expression that is not a string, a tuple or an object, such as `var.tag` or `1`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class HclTuple:
    """A tuple `[…]`, with its values in order."""

    start: int
    end: int
    items: tuple[HclExpression, ...]


@dataclass(frozen=True, slots=True)
class HclObject:
    """An object `{…}`, with its items in order."""

    start: int
    end: int
    items: tuple[HclAttribute, ...]


HclExpression = HclTemplate | HclTuple | HclObject | ComputedExpression


class HclAttribute(NamedTuple):
    """An attribute `name = value` of a body, or an item of an object."""

    name: str | None
    """The name, or None if the key is computed."""
    start: int
    value: HclExpression


class HclBlock(NamedTuple):
    """A block `type "label" { … }`."""

    type: str
    labels: tuple[str, ...]
    start: int
    body: HclBody


class HclBody(NamedTuple):
    """The attributes and blocks in a file or in a block, in order."""

    attributes: tuple[HclAttribute, ...]
    blocks: tuple[HclBlock, ...]

    def get_value(self, name: str) -> HclExpression | None:
        """Return the value of the attribute `name`, or None if there is no such attribute.

        If the attribute is repeated, the last value is returned.
        """
        return next((each.value for each in reversed(self.attributes) if each.name == name), None)

    def list_blocks(self, kind: str) -> Iterator[HclBlock]:
        """Yield the blocks whose type is `kind`."""
        return (block for block in self.blocks if block.type == kind)


@dataclass(frozen=True)
class HclFile:
    """A parsed HCL file."""

    content: bytes
    body: HclBody

    @cached_property
    def line_offsets(self) -> LineOffsets:
        """The offsets of the file's lines, computed on first use."""
        return LineOffsets(self.content)

    def get_line_number(self, offset: int) -> int:
        """Return the number of the line that contains the byte at `offset`. Lines are numbered from 1."""
        return self.line_offsets.get_line_number(offset)

    def get_source_text(self, expression: HclExpression) -> str:
        """Return `expression` as it is written in the file."""
        return self.content[expression.start : expression.end].decode()


def read_hcl(content: bytes) -> HclFile | BrokenFile:
    """Parse HCL in its native syntax. Return a `BrokenFile` if the file cannot be parsed."""
    try:
        content.decode()
        return HclFile(content, _HclParser(content).parse_body(END, 0))
    except (UnicodeDecodeError, BrokenAtError) as error:
        return BrokenFile.create_from_error(content, error)


class _HclParser:
    """Parses the tokens of one file with one token of lookahead. Methods raise BrokenAtError if parsing fails."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._tokens = read_tokens(content)
        self._next = next(self._tokens)
        self._last_end = 0

    def parse_body(self, closing: str, depth: int) -> HclBody:
        """Parse attributes and blocks up to the token `closing`, without consuming this token.

        `closing` is `}` or the end of the file. `depth` is the number of blocks, objects and tuples around the body.
        """
        attributes: list[HclAttribute] = []
        blocks: list[HclBlock] = []
        while True:
            self._skip_newlines()
            if self._next.kind == closing:
                return HclBody(tuple(attributes), tuple(blocks))
            first = self._take(IDENTIFIER)
            if self._next.kind == "=":
                self._advance()
                value = self._parse_expression(depth, should_stop_at_newline=True)
                attributes.append(HclAttribute(self._get_text(first), first.start, value))
            else:
                blocks.append(self._parse_block(first, depth + 1))

    def _parse_block(self, first: HclToken, depth: int) -> HclBlock:
        self._check_depth(depth)
        labels: list[str] = []
        while self._next.kind in (IDENTIFIER, TEMPLATE):
            labels.append(self._get_label(self._advance()))
        self._take("{")
        body = self.parse_body("}", depth)
        self._advance()
        return HclBlock(self._get_text(first), tuple(labels), first.start, body)

    def _parse_expression(self, depth: int, *, should_stop_at_newline: bool) -> HclExpression:
        """Parse one expression up to the token that ends it, without consuming this token.

        If `should_stop_at_newline` is True, a line break ends the expression. `depth` is the number of blocks, objects
        and tuples around the expression.
        """
        self._check_depth(depth)
        start = self._next.start
        value: HclExpression | None = None
        match self._next.kind:
            case "template":
                value = self._advance().template
            case "[":
                value = self._parse_tuple(depth + 1)
            case "{":
                value = self._parse_object(depth + 1)
            case _:
                pass
        if not should_stop_at_newline:
            self._skip_newlines()
        ends = _ENDS_LINE if should_stop_at_newline else _ENDS_EXPRESSION
        if value is not None and self._next.kind in ends:
            return value
        self._skip_to(ends, depth)
        if self._last_end <= start:
            raise BrokenAtError(start)
        return ComputedExpression(start, self._last_end)

    def _parse_tuple(self, depth: int) -> HclTuple | None:
        """Parse `[…]`. If the brackets contain a `for` expression, skip the expression and return None."""
        start = self._advance().start
        items: list[HclExpression] = []
        self._skip_newlines()
        if self._is_loop():
            self._skip_loop("]", depth)
            return None
        while self._next.kind != "]":
            items.append(self._parse_expression(depth, should_stop_at_newline=False))
            if self._next.kind != "]":
                self._take(",")
                self._skip_newlines()
        return HclTuple(start, self._advance().end, tuple(items))

    def _parse_object(self, depth: int) -> HclObject | None:
        """Parse `{…}`. If the braces contain a `for` expression, skip the expression and return None."""
        start = self._advance().start
        items: list[HclAttribute] = []
        self._skip_newlines()
        if self._is_loop():
            self._skip_loop("}", depth)
            return None
        while self._next.kind != "}":
            items.append(self._parse_item(depth))
            if self._next.kind not in ("}", NEWLINE):
                self._take(",")
            self._skip_newlines()
        return HclObject(start, self._advance().end, tuple(items))

    def _parse_item(self, depth: int) -> HclAttribute:
        first = self._next
        name: str | None = None
        if first.kind in (IDENTIFIER, NUMBER, TEMPLATE):
            name = self._get_label(self._advance())
        if self._next.kind not in _ENDS_KEY:
            name = None
            self._skip_to(_ENDS_KEY, depth)
        if self._advance().kind == END:
            raise BrokenAtError(first.start)
        return HclAttribute(name, first.start, self._parse_expression(depth, should_stop_at_newline=True))

    def _is_loop(self) -> bool:
        return self._next.kind == IDENTIFIER and self._get_text(self._next) == "for"

    def _skip_loop(self, closing: str, depth: int) -> None:
        self._skip_to(frozenset({closing}), depth)
        self._take(closing)

    def _skip_to(self, kinds: frozenset[str], depth: int) -> None:
        """Skip to the next token whose kind is in `kinds`.

        Brackets before this token are skipped with everything inside them.
        """
        start = self._next.start
        enclosing: list[str] = []
        while enclosing or self._next.kind not in kinds:
            token = self._advance()
            if token.kind in _CLOSING:
                enclosing.append(_CLOSING[token.kind])
                self._check_depth(depth + len(enclosing))
            elif enclosing and token.kind == enclosing[-1]:
                enclosing.pop()
            elif token.kind == END:
                raise BrokenAtError(start)

    def _skip_newlines(self) -> None:
        while self._next.kind == NEWLINE:
            self._advance()

    def _take(self, kind: str) -> HclToken:
        if self._next.kind != kind:
            raise BrokenAtError(self._next.start)
        return self._advance()

    def _advance(self) -> HclToken:
        token = self._next
        if token.kind != END:
            self._next = next(self._tokens)
        if token.kind != NEWLINE:
            self._last_end = token.end
        return token

    def _check_depth(self, depth: int) -> None:
        if depth > MAX_NESTING:
            raise BrokenAtError(self._next.start, Reason.TOO_LARGE)

    def _get_text(self, token: HclToken) -> str:
        return self._content[token.start : token.end].decode()

    def _get_label(self, token: HclToken) -> str:
        value = token.template.value if token.template is not None else None
        return self._get_text(token) if value is None else value.decode(errors="replace")
