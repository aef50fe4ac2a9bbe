r"""Find the heredocs (`<<EOF`) that an instruction of a Dockerfile opens.

The rules are those of `heredocsFromLine` in frontend/dockerfile/parser/parser.go and of
frontend/dockerfile/shell/lex.go of moby/buildkit. BuildKit splits the whole line into shell words, always with `\` as
the escape character. Every word of the form `[0-9]*<<[-]word` opens a heredoc. If the line cannot be split, it opens no
heredoc. This module splits words only as far as needed to find heredocs.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_NESTING = 50
"""Limit on the nesting of `${a:-${b:-…}}` in one word. People nest fewer than three."""

_HEREDOC = re.compile(r"[0-9]*<<(-?)([\t\n\f\r ]*)([^<]*)")
_NAME = re.compile(r"[0-9]+|[@*#?$!-]|\w+")
_SPACES = re.compile("[\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+")
"""The characters for which Go's unicode.IsSpace returns true."""
_BLANKS = re.compile(r"[\t\r ]*")
_ESCAPE = "\\"


class Heredoc(NamedTuple):
    """A heredoc such as `<<EOF`. Its body is the lines after the instruction, up to the line `terminator`."""

    terminator: bytes
    should_strip_tabs: bool
    """True if the heredoc is written `<<-`, so that tabs before the terminator are ignored."""
    has_space: bool
    """True if the heredoc is written `<< word`. The shift in `$((1 << 3))` looks the same, and older releases of
    BuildKit do not treat this form as a heredoc."""

    def is_terminator(self, line: bytes) -> bool:
        """Return True if `line` ends the body of this heredoc. `line` must not contain its line break."""
        return (line.lstrip(b"\t") if self.should_strip_tabs else line) == self.terminator


def find_heredocs(instruction: bytes) -> tuple[Heredoc, ...]:
    """Return the heredocs that an instruction opens, in order. `instruction` is the text of the instruction."""
    text = instruction.decode(errors="surrogateescape")
    try:
        words = _ShellWordSplitter(text, should_keep_marks=True).split()
        return tuple(heredoc for word in words if (heredoc := _parse_heredoc(word)))
    except _UnsplittableError:
        return ()


def _parse_heredoc(word: str) -> Heredoc | None:
    match = _HEREDOC.fullmatch(word)
    if match is None or not match[3]:
        return None
    names = _ShellWordSplitter(match[3], should_keep_marks=False).split()
    if len(names) != 1:
        return None
    terminator = names[0].encode(errors="surrogateescape")
    return Heredoc(terminator, should_strip_tabs=bool(match[1]), has_space=bool(match[2]))


class _UnsplittableError(Exception):
    """A text cannot be split into shell words: a quote is not closed, or a substitution such as `${…}` is invalid."""


class _ShellWordSplitter:
    """Splits a text into shell words. Substitutions such as `$NAME` are kept as they are written."""

    def __init__(self, text: str, *, should_keep_marks: bool) -> None:
        self._text = text
        self._at = 0
        self._open_braces = 0
        self._should_keep_marks = should_keep_marks
        """True if quotes and escapes are kept in the words."""

    def split(self) -> list[str]:
        words: list[str] = []
        word = ""
        while character := self._peek():
            if spaces := _SPACES.match(self._text, self._at):
                self._at = spaces.end()
                words += [word] if word else []
                word = ""
            elif character == "$":
                # Spaces inside a substitution also split words.
                first, *more = _SPACES.split(self._take_substitution())
                word += first
                for piece in more:
                    words += [word] if word else []
                    word = piece
            else:
                word += self._take_piece()
        return [*words, word] if word else words

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        character = self._peek()
        self._at += 1
        return character

    def _take_piece(self) -> str:
        """Consume and return the next quoted text, escape or character, or `<<` with the blanks after it."""
        match self._take():
            case "'":
                return self._take_single_quoted()
            case '"':
                return self._take_double_quoted()
            case "<" if self._peek() == "<":
                blanks = _BLANKS.match(self._text, self._at + 1)
                start, self._at = self._at, blanks.end() if blanks else self._at + 1
                return "<" + self._text[start : self._at]
            case "\\":
                return (_ESCAPE if self._should_keep_marks else "") + self._take()
            case character:
                return character

    def _take_single_quoted(self) -> str:
        end = self._text.find("'", self._at)
        if end < 0:
            raise _UnsplittableError
        inner, self._at = self._text[self._at : end], end + 1
        return f"'{inner}'" if self._should_keep_marks else inner

    def _take_double_quoted(self) -> str:
        inner = ""
        while character := self._peek():
            if character == "$":
                inner += self._take_substitution()
                continue
            self._at += 1
            if character == '"':
                return f'"{inner}"' if self._should_keep_marks else inner
            if character == _ESCAPE:
                inner += _ESCAPE if self._should_keep_marks else ""
                if not self._peek():
                    break
                if self._peek() in ('"', "$", _ESCAPE):
                    character = self._take()
            inner += character
        raise _UnsplittableError

    def _take_substitution(self) -> str:
        """Consume `$NAME` or `${…}`, and return its source text unchanged."""
        start = self._at
        self._at += 1
        if self._peek() != "{":
            self._skip_name()
            return self._text[start : self._at]
        self._at += 1
        self._open_braces += 1
        if self._open_braces > MAX_NESTING or self._peek() in ("", "{", "}", ":"):
            raise _UnsplittableError
        self._skip_name()
        operator = self._take()
        if operator == ":":
            if self._take() in ("#", "%"):
                raise _UnsplittableError
            self._skip_until("}")
        elif operator == "/":
            self._at += self._peek() == "/"
            self._skip_until("/")
            self._skip_until("}")
        elif operator in ("+", "-", "?", "#", "%"):
            self._skip_until("}")
        elif operator != "}":
            raise _UnsplittableError
        self._open_braces -= 1
        return self._text[start : self._at]

    def _skip_name(self) -> None:
        name = _NAME.match(self._text, self._at)
        if name is not None:
            self._at = name.end()

    def _skip_until(self, stop: str) -> None:
        while character := self._peek():
            if character == stop:
                self._at += 1
                return
            if character == "$":
                self._take_substitution()
            else:
                self._take_piece()
        raise _UnsplittableError
