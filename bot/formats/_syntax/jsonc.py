"""Parse JSON with comments and trailing commas, as editors read it, and JSON5; strings have byte positions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from bot.formats._syntax.broken import BrokenAtError, BrokenFile
from bot.formats._syntax.encoding import text_start
from bot.formats._syntax.lines import Lines
from bot.model.vocabulary import Reason

MAX_NESTING = 100
"""Limit on nested objects and arrays; the settings of editors nest some ten."""

MAX_TOKENS = 500_000
"""Limit for one file: eight megabytes that people have written have fewer, and so many take about a second."""

_TOKEN = re.compile(
    rb"""
      (?P<space>[ \t\r\n]++|//[^\n]*+)
    | (?P<comment>/\*)
    | (?P<string>"(?:[^"\\\x00-\x1f]++|\\[^\x00-\x1f])*+")
    | (?P<word>[-+.0-9A-Za-z]++)
    | (?P<symbol>[{}\[\]:,])
    """,
    re.VERBOSE,
)
_TOKEN_5 = re.compile(
    rb"""
      (?P<space>(?:[ \t\r\n\v\f]|\xc2\xa0|\xe2\x80[\xa8\xa9]|\xef\xbb\xbf)++|//[^\r\n]*+)
    | (?P<comment>/\*)
    | (?P<string>"(?:[^"\\\r\n]++|\\(?:\r\n|[\x00-\xff]))*+"|'(?:[^'\\\r\n]++|\\(?:\r\n|[\x00-\xff]))*+')
    | (?P<word>[-+.$\w\x80-\xff]++)
    | (?P<symbol>[{}\[\]:,])
    """,
    re.VERBOSE,
)
"""The tokens of JSON5 (https://spec.json5.org): also strings in single quotes and over lines, and more words."""
_STRING = "string"
_WORD = "word"
_END = "end"
_ESCAPE_5 = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|(\r\n|.))", re.DOTALL)
_ESCAPED_5 = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}
_LINE_ENDS = frozenset({"\n", "\r", "\r\n", "\u2028", "\u2029"})


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    value: str
    start: int
    """The byte of the file after its opening quote."""
    is_literal: bool
    """Whether the value stands there literally, without escapes."""


@dataclass(frozen=True, slots=True)
class Word:
    """A number, `true`, `false` or `null`."""

    value: str
    start: int


@dataclass(frozen=True, slots=True)
class Array:
    """Values in order."""

    start: int
    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Object:
    """Values by key, in order."""

    start: int
    items: tuple[tuple[Text, Value], ...]

    def values(self, key: str) -> Iterator[Value]:
        """Yield the values of `key`; readers of JSON take the last."""
        return (value for name, value in self.items if name.value == key)


Value = Text | Word | Array | Object


@dataclass(frozen=True)
class Json:
    """One parsed file."""

    content: bytes
    root: Value

    @cached_property
    def lines(self) -> Lines:
        """The line offsets of the file."""
        return Lines(self.content)


def read_json(content: bytes) -> Json | BrokenFile:
    """Parse JSON with comments and trailing commas; never raises."""
    return _read(content, _Parser)


def read_json5(content: bytes) -> Json | BrokenFile:
    """Parse JSON5, which includes JSON with comments; never raises."""
    return _read(content, _Parser5)


def _read(content: bytes, parser: type[_Parser]) -> Json | BrokenFile:
    try:
        content.decode()
        return Json(content, parser(content).file())
    except (UnicodeDecodeError, BrokenAtError) as error:
        return BrokenFile.at(content, error)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    """`string`, `word`, `end`, or the symbol itself."""
    start: int
    source: bytes


def _tokens(content: bytes, pattern: re.Pattern[bytes]) -> Iterator[_Token]:
    """Yield the tokens of a file, the last of them `end`. Raises BrokenAtError."""
    at = text_start(content)
    tokens = 0
    while at < len(content):
        match = pattern.match(content, at)
        if match is None:
            raise BrokenAtError(at)
        at = match.end()
        if match.lastgroup == "space":
            continue
        tokens += 1
        if tokens > MAX_TOKENS:
            raise BrokenAtError(match.start(), Reason.TOO_DEEP)
        match match.lastgroup:
            case "comment":
                end = content.find(b"*/", at)
                if end < 0:
                    raise BrokenAtError(match.start())
                at = end + 2
            case "symbol":
                yield _Token(match[0].decode(), match.start(), match[0])
            case kind:
                yield _Token(str(kind), match.start(), match[0])
    yield _Token(_END, at, b"")


class _Parser:
    """Reads the tokens of one file with one token of lookahead. Every method raises BrokenAtError."""

    pattern = _TOKEN

    def __init__(self, content: bytes) -> None:
        self._tokens = _tokens(content, self.pattern)
        self._next = next(self._tokens)

    def file(self) -> Value:
        value = self._value(0)
        self._take(_END)
        return value

    def _value(self, depth: int) -> Value:
        if depth > MAX_NESTING:
            raise BrokenAtError(self._next.start, Reason.TOO_DEEP)
        token = self._advance()
        match token.kind:
            case "string":
                return self._text(token)
            case "word":
                return Word(token.source.decode(), token.start)
            case "[":
                return Array(token.start, tuple(self._items(depth + 1)))
            case "{":
                return Object(token.start, tuple(self._members(depth + 1)))
            case _:
                raise BrokenAtError(token.start)

    def _items(self, depth: int) -> Iterator[Value]:
        while self._next.kind != "]":
            yield self._value(depth)
            self._separate("]")
        self._advance()

    def _members(self, depth: int) -> Iterator[tuple[Text, Value]]:
        while self._next.kind != "}":
            key = self._key()
            self._take(":")
            yield key, self._value(depth)
            self._separate("}")
        self._advance()

    def _key(self) -> Text:
        return self._text(self._take(_STRING))

    def _text(self, token: _Token) -> Text:
        return _text(token)

    def _separate(self, closing: str) -> None:
        """Take the comma between two items, or after the last one."""
        if self._next.kind != closing:
            self._take(",")

    def _take(self, kind: str) -> _Token:
        if self._next.kind != kind:
            raise BrokenAtError(self._next.start)
        return self._advance()

    def _advance(self) -> _Token:
        token = self._next
        if token.kind != _END:
            self._next = next(self._tokens)
        return token


def _text(token: _Token) -> Text:
    if b"\\" not in token.source:
        return Text(token.source[1:-1].decode(), token.start + 1, is_literal=True)
    try:
        value: str = json.loads(token.source)
    except ValueError:
        raise BrokenAtError(token.start) from None
    return Text(value, token.start + 1, is_literal=False)


class _Parser5(_Parser):
    """Parses JSON5."""

    pattern = _TOKEN_5

    def _key(self) -> Text:
        """Return the key, a string or an unquoted word."""
        if self._next.kind != _WORD:
            return super()._key()
        token = self._advance()
        return Text(token.source.decode(), token.start, is_literal=True)

    def _text(self, token: _Token) -> Text:
        source = token.source[1:-1].decode()
        if "\\" not in source:
            return Text(source, token.start + 1, is_literal=True)
        halves = _ESCAPE_5.sub(_unescaped_5, source).encode("utf-16-le", "surrogatepass")
        return Text(halves.decode("utf-16-le", "surrogatepass"), token.start + 1, is_literal=False)


def _unescaped_5(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2]
    if code:
        return chr(int(code, 16))
    return "" if escape[3] in _LINE_ENDS else _ESCAPED_5.get(escape[3], escape[3])
