"""Find the values of a property in Gradle build scripts, in Groovy and in Kotlin. Strings have byte offsets.

Build scripts are programs. This module only splits scripts into tokens, so a script is never reported as broken.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from bot.formats._syntax.broken import BrokenAtError
from bot.formats._syntax.encoding import find_text_start
from bot.model.vocabulary import Reason

MAX_NESTING = 200
"""Limit on nested blocks. Scripts nest about ten."""

MAX_TOKENS = 200_000
"""Limit on the tokens of one script. The largest scripts that people write have some ten thousand tokens."""

_TOKEN = re.compile(
    rb"""
      (?P<skip>(?:[ \t\r\f]++|//[^\n]*+|/\*(?:[^*]++|\*(?!/))*+(?:\*/)?|\\\r?\n)++)
    | (?P<string>'''(?:[^'\\]++|\\.|'(?!''))*+(?:''')?|"{3}(?:[^"\\]++|\\.|"(?!""))*+(?:"{3})?
        |'(?:[^'\\\n]++|\\[^\n])*+'?|"(?:[^"\\\n]++|\\[^\n])*+"?)
    | (?P<word>[\w$\x80-\xff]++)
    | (?P<operator>[!<>+*/%&|?:^-]{1,3}=|=[=~]{1,2})
    | (?P<symbol>.)
    """,
    re.VERBOSE | re.DOTALL,
)
"""The tokens of both languages. A string or comment without an end extends to the end of its line or of the script.
Therefore, no text is searched twice for the end."""
_WHOLE_STRING = re.compile(rb"(?P<quotes>'''|\"{3}|['\"])(?P<text>.*)(?P=quotes)", re.DOTALL)
_SLASHY_STRING = re.compile(rb"/(?:[^/\\\n]++|\\[^\n])++/")
_BEFORE_SLASHY_STRING = frozenset({b"=", b"(", b",", b"~", b"[", b":", b"=~", b"==~"})
"""Tokens after which a slash starts a string of Groovy instead of a division."""
_STATEMENT_ENDS = frozenset({b"\n", b";", b"{", b"}", b""})
_SHOWN_SOURCE = re.compile(rb"[^\n]{1,200}+")
"""The part of an expression that is shown. The length is limited, because a line may contain many statements, and each
of them would be shown up to the end of the line."""


class GradleValue(NamedTuple):
    """The value of a property in a script."""

    text: str
    """The text of a string without its quotes. For any other expression, the start of its source."""
    start: int
    """The byte offset of `text`."""
    is_string: bool
    """False if the value is an expression that the script computes."""
    is_literal: bool
    """True if the value is a string without escapes."""


def find_property_values(content: bytes, blocks: Collection[str], path: tuple[str, ...]) -> Iterator[GradleValue]:
    """Yield the values that a script assigns to the property `path` of the blocks with the names `blocks`.

    For example, `jib { from { image = "x" } }` and `jib.from.image = "x"` both assign to the path `from`, `image` of
    the block `jib`. Raises BrokenAtError if the script exceeds a limit of this parser, and UnicodeDecodeError if it is
    not encoded in UTF-8.
    """
    content.decode()
    scanner = _GradleScanner(content, frozenset(each.encode() for each in blocks), tuple(map(str.encode, path)))
    return scanner.find_values()


class _GradleToken(NamedTuple):
    kind: str
    """`string`, `word`, `operator` or `symbol`. The last token of a script is an empty symbol."""
    text: bytes
    start: int


@dataclass(slots=True)
class _GradleScanner:
    """Scans the tokens of one script.

    A position in the script is described by the words after the last name of a block, such as `from`, `image`. None
    means that no such name was found. At most one word more than `_path` has is kept, so that each step is short.
    """

    _content: bytes
    _blocks: frozenset[bytes]
    _path: tuple[bytes, ...]
    _enclosing: list[tuple[bytes, ...] | None] = field(default_factory=lambda: [None])

    def find_values(self) -> Iterator[GradleValue]:
        words = self._enclosing[-1]
        is_path = True
        tokens = self._read_tokens()
        token = next(tokens)
        while token.text:
            following = next(tokens)
            if token.text in _STATEMENT_ENDS:
                self._open_or_close(token, words)
                words, is_path = self._enclosing[-1], True
            elif token.text == b"=":
                if is_path and words == self._path:
                    yield from self._read_value(following)
                is_path = False
            elif token.kind == "word" and is_path:
                words = self._add_word(words, token.text)
                if words == self._path and following.kind == "string":  # `image 'nginx:1'`, a call in Groovy
                    yield from self._read_value(following)
            token = following

    def _open_or_close(self, token: _GradleToken, words: tuple[bytes, ...] | None) -> None:
        if token.text == b"{":
            if len(self._enclosing) > MAX_NESTING:
                raise BrokenAtError(token.start, Reason.TOO_LARGE)
            self._enclosing.append(words)
        elif token.text == b"}" and len(self._enclosing) > 1:
            self._enclosing.pop()

    def _add_word(self, words: tuple[bytes, ...] | None, word: bytes) -> tuple[bytes, ...] | None:
        if word in self._blocks:
            return ()
        return words if words is None or len(words) > len(self._path) else (*words, word)

    def _read_value(self, token: _GradleToken) -> Iterator[GradleValue]:
        string = _WHOLE_STRING.fullmatch(token.text) if token.kind == "string" else None
        if string is not None and self._ends_statement(token.start + len(token.text)):
            text = string["text"]
            yield GradleValue(
                text.decode(), token.start + string.start("text"), is_string=True, is_literal=b"\\" not in text
            )
            return
        shown = _SHOWN_SOURCE.match(self._content, token.start)
        if shown is not None:
            yield GradleValue(shown[0].decode(errors="replace").strip(), token.start, is_string=False, is_literal=False)

    def _ends_statement(self, start: int) -> bool:
        """Return True if the next token from `start` on ends a statement."""
        while match := _TOKEN.match(self._content, start):
            if match.lastgroup != "skip":
                return match[0] in _STATEMENT_ENDS
            start = match.end()
        return True

    def _read_tokens(self) -> Iterator[_GradleToken]:
        at = find_text_start(self._content)
        previous = b""
        count = 0
        while match := _TOKEN.match(self._content, at):
            text, kind = match[0], str(match.lastgroup)
            if text == b"/" and previous in _BEFORE_SLASHY_STRING:
                slashy = _SLASHY_STRING.match(self._content, at)
                text, kind = (slashy[0], "operator") if slashy is not None else (text, kind)
            at += len(text)
            if kind == "skip":
                continue
            count += 1
            if count > MAX_TOKENS:
                raise BrokenAtError(match.start(), Reason.TOO_LARGE)
            previous = text
            yield _GradleToken(kind, text, match.start())
        yield _GradleToken("symbol", b"", at)
        yield _GradleToken("symbol", b"", at)
