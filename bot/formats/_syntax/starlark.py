"""Find the calls in Starlark files of Bazel, with their arguments. Strings have byte offsets.

The tokens follow https://github.com/bazelbuild/starlark/blob/master/spec.md. Only the calls are parsed, and text that
Bazel would reject is read as far as possible.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from bot.formats._syntax.broken import BrokenAtError
from bot.formats._syntax.encoding import find_text_start
from bot.model.vocabulary import Reason

MAX_NESTING = 100
"""Limit on nested calls, lists and dictionaries. Files that people write nest about ten."""

MAX_TOKENS = 300_000
"""Limit on the tokens of one file. Generated files with thousands of dependencies have fewer tokens. Reading MAX_TOKENS
tokens takes about a second."""

_TOKEN = re.compile(
    rb"""
      (?P<skip>(?:[ \t\r\n\f]++|\#[^\n]*+|\\\r?\n)++)
    | (?P<string>[rRbB]{0,2}+(?:'''(?:[^'\\]++|\\.|'(?!''))*+(?:''')?|"{3}(?:[^"\\]++|\\.|"(?!""))*+(?:"{3})?
        |'(?:[^'\\\n]++|\\(?:\r\n|.))*+'?|"(?:[^"\\\n]++|\\(?:\r\n|.))*+"?))
    | (?P<word>[\w\x80-\xff]++)
    | (?P<operator>[=!<>+*/%&|^-]=)
    | (?P<symbol>.)
    """,
    re.VERBOSE | re.DOTALL,
)
"""The tokens of Starlark. A string without an end extends to the end of its line or of the file. Therefore, no text is
searched twice for the end."""
_WHOLE_STRING = re.compile(rb"(?P<prefix>[rRbB]*)(?P<quotes>'''|\"{3}|['\"])(?P<text>.*)(?P=quotes)", re.DOTALL)
_CLOSING = {b"(": b")", b"[": b"]", b"{": b"}"}


class StarlarkString(NamedTuple):
    """A string, with the byte offset of its text."""

    value: str
    start: int
    """The byte offset after the opening quote."""
    quote: str
    """The quote or the three quotes around the text."""
    is_literal: bool
    """True if `value` is in the file literally at `start`, without escapes."""

    @property
    def end(self) -> int:
        """The byte offset after the text."""
        return self.start + len(self.value.encode())


StarlarkValue = StarlarkString | tuple[StarlarkString, ...] | None
"""A string, a list of strings, or None for any other expression."""


class StarlarkArgument(NamedTuple):
    """An argument of a call. `name` is empty for a positional argument."""

    name: str
    start: int
    """The byte offset of the name, or of the value for a positional argument."""
    source: str
    """The value as it is written in the file. A value of several tokens is cut after the first token."""
    value: StarlarkValue


class StarlarkCall(NamedTuple):
    """A call of a function, such as `oci.pull(name = "base")`."""

    function: str
    """The name of the function with its dots, such as `oci.pull`."""
    start: int
    target: str
    """The name of the variable to which the file assigns the result, or an empty string."""
    arguments: tuple[StarlarkArgument, ...]

    def get_argument(self, name: str) -> StarlarkArgument | None:
        """Return the argument with the given name, or None if the call does not have this argument."""
        return next((each for each in self.arguments if each.name == name), None)

    def list_positional(self) -> Iterator[StarlarkValue]:
        """Yield the values of the positional arguments."""
        return (each.value for each in self.arguments if not each.name)


def find_calls(content: bytes) -> Iterator[StarlarkCall]:
    """Yield the calls in a file in the order in which they end.

    Raises BrokenAtError if the file cannot be parsed, and UnicodeDecodeError if it is not encoded in UTF-8.
    """
    content.decode()
    return _CallScanner(content).find_calls()


class _StarlarkToken(NamedTuple):
    kind: str
    text: bytes
    start: int


@dataclass(slots=True)
class _Bracket:
    """An open bracket: its arguments so far, and the parts of the argument that is being read."""

    opening: bytes
    start: int
    function: str = ""
    """Name of the called function, or an empty string if the bracket does not start a call."""
    target: str = ""
    arguments: list[StarlarkArgument] = field(default_factory=list)
    _name: str = ""
    _start: int = 0
    _source: bytes = b""
    _value: StarlarkValue = None
    _part_count: int = 0

    def add_part(self, token: _StarlarkToken, value: StarlarkValue = None) -> None:
        """Add a part of the current argument. Only an argument with a single part has a value."""
        if self._part_count == 0:
            self._start = self._start if self._name else token.start
            self._source, self._value = token.text, value
        elif self._part_count == 1:
            self._value = None
        self._part_count += 1

    def set_name(self, token: _StarlarkToken) -> bool:
        """Set the name of the current argument. Return False if the bracket has no arguments with names."""
        if not self.function or self._part_count or self._name:
            return False
        self._name, self._start = token.text.decode(), token.start
        return True

    def finish_argument(self) -> None:
        if self._part_count:
            source = self._source.decode(errors="replace") + ("…" if self._part_count > 1 else "")
            self.arguments.append(StarlarkArgument(self._name, self._start, source, self._value))
        self._name, self._value, self._part_count = "", None, 0

    def get_value(self) -> StarlarkValue:
        """Return the strings in a list, or None if this bracket is not a list of strings."""
        strings = tuple(each.value for each in self.arguments if isinstance(each.value, StarlarkString))
        return strings if self.opening == b"[" and len(strings) == len(self.arguments) else None


class _CallScanner:
    """Scans the tokens of one file."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._brackets = [_Bracket(b"", 0)]
        self._function: list[str] = []
        """The names before the current token that are joined by dots."""
        self._target = ""

    def find_calls(self) -> Iterator[StarlarkCall]:
        tokens = self._read_tokens()
        token = next(tokens)
        while token.text:
            following = next(tokens)
            bracket = self._brackets[-1]
            match token.kind, token.text:
                case "symbol", b"(" | b"[" | b"{":
                    self._open_bracket(token)
                case "symbol", b")" | b"]" | b"}":
                    yield from self._close_bracket(token)
                case "symbol", b",":
                    bracket.finish_argument()
                case "word", _ if following.text == b"=" and bracket.set_name(token):
                    token, following = following, next(tokens)
                case "string", _:
                    bracket.add_part(token, self._read_string(token))
                case _:
                    bracket.add_part(token)
            self._follow_name(token, following)
            token = following
        if len(self._brackets) > 1:
            raise BrokenAtError(self._brackets[-1].start)

    def _follow_name(self, token: _StarlarkToken, following: _StarlarkToken) -> None:
        """Remember the name of a function before its bracket, and the name of a variable before its call."""
        if token.kind == "word":
            self._function.append(token.text.decode())
            if following.text == b"=":
                self._target = self._function[-1]
        elif token.text == b"=":
            self._function = []
        elif token.text != b"." or len(self._function) > MAX_NESTING:
            self._function, self._target = [], ""
        if token.kind == "word" and following.text not in (b".", b"(", b"="):
            self._function, self._target = [], ""

    def _open_bracket(self, token: _StarlarkToken) -> None:
        if len(self._brackets) > MAX_NESTING:
            raise BrokenAtError(token.start, Reason.TOO_LARGE)
        is_call = token.text == b"(" and bool(self._function)
        function = ".".join(self._function) if is_call else ""
        self._brackets.append(_Bracket(token.text, token.start, function, self._target if is_call else ""))

    def _close_bracket(self, token: _StarlarkToken) -> Iterator[StarlarkCall]:
        bracket = self._brackets.pop()
        if token.text != _CLOSING.get(bracket.opening):
            raise BrokenAtError(token.start)
        bracket.finish_argument()
        if bracket.function:
            yield StarlarkCall(bracket.function, bracket.start, bracket.target, tuple(bracket.arguments))
        opening = _StarlarkToken("symbol", bracket.opening, bracket.start)
        self._brackets[-1].add_part(opening, bracket.get_value())

    def _read_string(self, token: _StarlarkToken) -> StarlarkString:
        string = _WHOLE_STRING.fullmatch(token.text)
        if string is None:
            raise BrokenAtError(token.start)
        text = string["text"]
        start = token.start + string.start("text")
        is_literal = b"\\" not in text and not string["prefix"]
        return StarlarkString(text.decode(), start, string["quotes"].decode(), is_literal)

    def _read_tokens(self) -> Iterator[_StarlarkToken]:
        at = find_text_start(self._content)
        count = 0
        while match := _TOKEN.match(self._content, at):
            at = match.end()
            if match.lastgroup == "skip":
                continue
            count += 1
            if count > MAX_TOKENS:
                raise BrokenAtError(match.start(), Reason.TOO_LARGE)
            yield _StarlarkToken(str(match.lastgroup), match[0], match.start())
        yield _StarlarkToken("end", b"", at)
        yield _StarlarkToken("end", b"", at)
