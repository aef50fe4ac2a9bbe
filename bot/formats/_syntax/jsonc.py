"""Parse JSON5, and JSON with comments and trailing commas as editors accept it. Strings have byte offsets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from bot.formats._syntax.broken import BrokenAtError, BrokenFile
from bot.formats._syntax.encoding import find_text_start
from bot.formats._syntax.line_offsets import LineOffsets
from bot.model.vocabulary import Reason

MAX_NESTING = 100
"""Limit on nested objects and arrays. The settings of editors nest about ten."""

MAX_TOKENS = 500_000
"""Limit on the tokens of one file. Even the largest files that people write have fewer tokens. Reading MAX_TOKENS
tokens takes about a second."""

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
_JSON5_TOKEN = re.compile(
    rb"""
      (?P<space>(?:[ \t\r\n\v\f]|\xc2\xa0|\xe2\x80[\xa8\xa9]|\xef\xbb\xbf)++|//[^\r\n]*+)
    | (?P<comment>/\*)
    | (?P<string>"(?:[^"\\\r\n]++|\\(?:\r\n|[\x00-\xff]))*+"|'(?:[^'\\\r\n]++|\\(?:\r\n|[\x00-\xff]))*+')
    | (?P<word>[-+.$\w\x80-\xff]++)
    | (?P<symbol>[{}\[\]:,])
    """,
    re.VERBOSE,
)
"""The tokens of JSON5 (https://spec.json5.org). Unlike in JSON, strings may have single quotes and extend over several
lines, and there are more words."""
_STRING = "string"
_WORD = "word"
_END = "end"
_JSON5_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|(\r\n|.))", re.DOTALL)
_JSON5_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}
_LINE_ENDS = frozenset({"\n", "\r", "\r\n", "\u2028", "\u2029"})


@dataclass(frozen=True, slots=True)
class JsonString:
    """A string, with the byte offset of its text."""

    value: str
    start: int
    """The byte offset after the opening quote."""
    is_literal: bool
    """True if `value` is in the file literally at `start`, without escapes."""


@dataclass(frozen=True, slots=True)
class JsonWord:
    """A number, `true`, `false` or `null`."""

    value: str
    start: int


@dataclass(frozen=True, slots=True)
class JsonArray:
    """An array, with its values in the order of the file."""

    start: int
    items: tuple[JsonValue, ...]


@dataclass(frozen=True, slots=True)
class JsonObject:
    """An object, with its keys and values in the order of the file."""

    start: int
    items: tuple[tuple[JsonString, JsonValue], ...]

    def list_values(self, key: str) -> Iterator[JsonValue]:
        """Yield all values of `key`. A key may have several values, because JSON allows repeated keys.

        Most readers of JSON use the last value.
        """
        return (value for name, value in self.items if name.value == key)


JsonValue = JsonString | JsonWord | JsonArray | JsonObject


@dataclass(frozen=True)
class JsonFile:
    """A parsed JSON or JSON5 file."""

    content: bytes
    root: JsonValue

    @cached_property
    def line_offsets(self) -> LineOffsets:
        """The offsets of the file's lines, computed on first use."""
        return LineOffsets(self.content)


def read_json(content: bytes) -> JsonFile | BrokenFile:
    """Parse JSON with comments and trailing commas. Return a `BrokenFile` if the file cannot be parsed."""
    return _parse_content(content, _JsonParser)


def read_json5(content: bytes) -> JsonFile | BrokenFile:
    """Parse JSON5, which includes JSON with comments. Return a `BrokenFile` if the file cannot be parsed."""
    return _parse_content(content, _Json5Parser)


def _parse_content(content: bytes, parser: type[_JsonParser]) -> JsonFile | BrokenFile:
    try:
        content.decode()
        return JsonFile(content, parser(content).parse_file())
    except (UnicodeDecodeError, BrokenAtError) as error:
        return BrokenFile.create_from_error(content, error)


@dataclass(frozen=True, slots=True)
class _JsonToken:
    kind: str
    """`string`, `word`, `end`, or the symbol itself."""
    start: int
    source: bytes


def _read_tokens(content: bytes, pattern: re.Pattern[bytes]) -> Iterator[_JsonToken]:
    """Yield the tokens of a file. The last token has the kind `end`.

    Raises BrokenAtError if a token is not valid, if a comment is not closed, or if the file has more than MAX_TOKENS
    tokens.
    """
    at = find_text_start(content)
    token_count = 0
    while at < len(content):
        match = pattern.match(content, at)
        if match is None:
            raise BrokenAtError(at)
        at = match.end()
        if match.lastgroup == "space":
            continue
        token_count += 1
        if token_count > MAX_TOKENS:
            raise BrokenAtError(match.start(), Reason.TOO_LARGE)
        match match.lastgroup:
            case "comment":
                end = content.find(b"*/", at)
                if end < 0:
                    raise BrokenAtError(match.start())
                at = end + 2
            case "symbol":
                yield _JsonToken(match[0].decode(), match.start(), match[0])
            case kind:
                yield _JsonToken(str(kind), match.start(), match[0])
    yield _JsonToken(_END, at, b"")


class _JsonParser:
    """Parses the tokens of one file with one token of lookahead. Methods raise BrokenAtError if parsing fails."""

    pattern = _TOKEN

    def __init__(self, content: bytes) -> None:
        self._tokens = _read_tokens(content, self.pattern)
        self._next = next(self._tokens)

    def parse_file(self) -> JsonValue:
        value = self._parse_value(0)
        self._take(_END)
        return value

    def _parse_value(self, depth: int) -> JsonValue:
        if depth > MAX_NESTING:
            raise BrokenAtError(self._next.start, Reason.TOO_LARGE)
        token = self._advance()
        match token.kind:
            case "string":
                return self._parse_string(token)
            case "word":
                return JsonWord(token.source.decode(), token.start)
            case "[":
                return JsonArray(token.start, tuple(self._parse_items(depth + 1)))
            case "{":
                return JsonObject(token.start, tuple(self._parse_members(depth + 1)))
            case _:
                raise BrokenAtError(token.start)

    def _parse_items(self, depth: int) -> Iterator[JsonValue]:
        while self._next.kind != "]":
            yield self._parse_value(depth)
            self._take_separator("]")
        self._advance()

    def _parse_members(self, depth: int) -> Iterator[tuple[JsonString, JsonValue]]:
        while self._next.kind != "}":
            key = self._parse_key()
            self._take(":")
            yield key, self._parse_value(depth)
            self._take_separator("}")
        self._advance()

    def _parse_key(self) -> JsonString:
        return self._parse_string(self._take(_STRING))

    def _parse_string(self, token: _JsonToken) -> JsonString:
        return _parse_string_token(token)

    def _take_separator(self, closing: str) -> None:
        """Consume the comma after an item of an array or object. After the last item, the comma is optional.

        `closing` is the token that ends the array or object.
        """
        if self._next.kind != closing:
            self._take(",")

    def _take(self, kind: str) -> _JsonToken:
        if self._next.kind != kind:
            raise BrokenAtError(self._next.start)
        return self._advance()

    def _advance(self) -> _JsonToken:
        token = self._next
        if token.kind != _END:
            self._next = next(self._tokens)
        return token


def _parse_string_token(token: _JsonToken) -> JsonString:
    if b"\\" not in token.source:
        return JsonString(token.source[1:-1].decode(), token.start + 1, is_literal=True)
    try:
        value: str = json.loads(token.source)
    except ValueError:
        raise BrokenAtError(token.start) from None
    return JsonString(value, token.start + 1, is_literal=False)


class _Json5Parser(_JsonParser):
    """Parses JSON5."""

    pattern = _JSON5_TOKEN

    def _parse_key(self) -> JsonString:
        """Return the key, which is a string or an unquoted word."""
        if self._next.kind != _WORD:
            return super()._parse_key()
        token = self._advance()
        return JsonString(token.source.decode(), token.start, is_literal=True)

    def _parse_string(self, token: _JsonToken) -> JsonString:
        source = token.source[1:-1].decode()
        if "\\" not in source:
            return JsonString(source, token.start + 1, is_literal=True)
        halves = _JSON5_ESCAPE.sub(_unescape_json5, source).encode("utf-16-le", "surrogatepass")
        return JsonString(halves.decode("utf-16-le", "surrogatepass"), token.start + 1, is_literal=False)


def _unescape_json5(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2]
    if code:
        return chr(int(code, 16))
    return "" if escape[3] in _LINE_ENDS else _JSON5_ESCAPES.get(escape[3], escape[3])
