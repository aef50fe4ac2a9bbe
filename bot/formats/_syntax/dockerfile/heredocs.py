r"""Find the heredocs (`<<EOF`) that an instruction of a Dockerfile opens.

The rules follow `heredocsFromLine` in frontend/dockerfile/parser/parser.go and frontend/dockerfile/shell/lex.go of
moby/buildkit. BuildKit splits the whole line into shell words, always with `\` as the escape character. Every word of
the form `[0-9]*<<[-]word` opens a heredoc. If the line cannot be split, it opens no heredoc. This module splits words
only as far as needed to find heredocs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

MAX_NESTING = 50
"""Limit on the nesting of `${a:-${b:-…}}` in one word. People nest fewer than three."""

MAX_HEREDOCS = 1_000
"""Limit on the words of one instruction that look like heredocs. People write fewer than ten in one instruction."""

_HEREDOC = re.compile(r"[0-9]*<<(-?)([\t\n\f\r ]*)([^<]*)")
_HEREDOC_START = re.compile(r"[0-9]*+<<")
_NAME = re.compile(r"[0-9]+|[@*#?$!-]|\w+")
_SPACE = "\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"
"""The characters for which Go's unicode.IsSpace returns true, for use in a character class."""
_SPACES = re.compile(f"[{_SPACE}]+")
_SIMPLE_VARIABLE = r"\$(?:[0-9]++|[@*\#?$!-]|\w++|(?!\{))"
"""A variable without braces, or a `$` that stands for itself."""
_PIECE = rf"""
    (?: [^'"\\$<{_SPACE}]++
      | <<[\t\r ]*+
      | <
      | '[^']*+'
      | "(?:[^"\\$]++|\\.|{_SIMPLE_VARIABLE})*+"
      | \\.?
      | {_SIMPLE_VARIABLE}
      | \$\{{(?:[0-9]++|[^\W\d]\w*+)(?:(?::?[-+?]|[\#%])[\w.:/@=,-]*+)?\}}
    )++
    """
"""A part of a word: characters, quoted texts, escapes, `<<` with the blanks after it, and simple substitutions."""
_PIECES = re.compile(_PIECE, re.DOTALL | re.VERBOSE)
_OTHER_WORDS = re.compile(
    rf"(?:[{_SPACE}]++|(?!{_HEREDOC_START.pattern}){_PIECE}(?![^{_SPACE}]))++", re.DOTALL | re.VERBOSE
)
"""Spaces, and words that do not look like heredocs."""
_QUOTED_OR_ESCAPED = re.compile(r"""'[^']*+'|\\.?|"(?:[^"\\]++|\\.)*+\"""", re.DOTALL)
_LITERAL_ESCAPE = re.compile(r"""\\(?:(["$\\])|)""")
_PLAIN = re.compile(r"""[^'"\\$}/]++""")
_IN_DOUBLE_QUOTES = re.compile(r'(?:[^"\\$]++|\\["$\\]?)++')
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


class TooManyHeredocsError(Exception):
    """An instruction contains more than MAX_HEREDOCS words that look like heredocs."""


def find_heredocs(instruction: bytes) -> tuple[Heredoc, ...]:
    """Return the heredocs that an instruction opens, in order. `instruction` is the text of the instruction.

    Raises TooManyHeredocsError if more than MAX_HEREDOCS words look like heredocs.
    """
    text = instruction.decode(errors="surrogateescape")
    try:
        words = _ShellWordSplitter(text, should_keep_marks=True).list_heredoc_words()
        return tuple(heredoc for word in words if (heredoc := _parse_heredoc(word)))
    except _UnsplittableError:
        return ()


def _parse_heredoc(word: str) -> Heredoc | None:
    match = _HEREDOC.fullmatch(word)
    if match is None or not match[3]:
        return None
    names = _ShellWordSplitter(match[3], should_keep_marks=False).list_words()
    if len(names) != 1:
        return None
    terminator = names[0].encode(errors="surrogateescape")
    return Heredoc(terminator, should_strip_tabs=bool(match[1]), has_space=bool(match[2]))


class _UnsplittableError(Exception):
    """A text cannot be split into shell words: a quote is not closed, or a substitution such as `${…}` is invalid."""


class _ShellWordSplitter:
    """Splits a text into shell words. Substitutions such as `$NAME` are kept as they are written.

    Every part of the text is scanned a limited number of times, because an instruction may have megabytes.
    """

    def __init__(self, text: str, *, should_keep_marks: bool) -> None:
        self._text = text
        self._at = 0
        self._open_braces = 0
        self._should_keep_marks = should_keep_marks
        """True if quotes and escapes are kept in the words."""

    def list_words(self) -> list[str]:
        """Return the words of the text.

        Raises _UnsplittableError if a quote is not closed or a substitution is invalid.
        """
        return list(self._iterate_words())

    def list_heredoc_words(self) -> list[str]:
        """Return the words of the text that look like heredocs.

        Raises _UnsplittableError if a quote is not closed or a substitution is invalid, and TooManyHeredocsError if
        there are more than MAX_HEREDOCS such words.
        """
        words = list(islice(self._iterate_words(_HEREDOC_START), MAX_HEREDOCS + 1))
        if len(words) > MAX_HEREDOCS:
            raise TooManyHeredocsError
        return words

    def _iterate_words(self, pattern: re.Pattern[str] | None = None) -> Iterator[str]:
        """Yield the words whose start matches `pattern`, or all words if `pattern` is None."""
        pieces: list[str] = []
        for piece in self._iterate_pieces(should_skip_words=pattern is not None):
            if piece is not None:
                is_kept = pattern is None or (bool(pieces[0]) if pieces else pattern.match(piece) is not None)
                pieces.append(piece if is_kept else "")
            elif word := "".join(pieces):
                yield word
            if piece is None:
                pieces.clear()

    def _iterate_pieces(self, *, should_skip_words: bool) -> Iterator[str | None]:
        """Yield the pieces of each word, and None after the last piece of a word.

        If `should_skip_words` is True, words that certainly do not look like heredocs may be left out.
        """
        is_at_start = True
        while self._at < len(self._text):
            spaces = (_OTHER_WORDS if is_at_start and should_skip_words else _SPACES).match(self._text, self._at)
            if spaces is not None:
                self._at = spaces.end()
                is_at_start = True
                yield None
                continue
            is_at_start = False
            if match := _PIECES.match(self._text, self._at):
                self._at = match.end()
                yield self._convert_marks(match[0])
            elif self._peek() == "$":
                # Spaces inside a substitution also split words.
                first, *more = _SPACES.split(self._take_substitution())
                yield first
                for piece in more:
                    yield None
                    yield piece
            else:
                yield self._take_double_quoted()
        yield None

    def _convert_marks(self, source: str) -> str:
        """Return a part of a word, with its quotes and escapes only if these marks are kept."""
        has_quotes, has_escapes = "'" in source or '"' in source, _ESCAPE in source
        is_unchanged = not (has_quotes and has_escapes) if self._should_keep_marks else not (has_quotes or has_escapes)
        if is_unchanged:
            return source
        return _QUOTED_OR_ESCAPED.sub(self._convert_mark, source)

    def _convert_mark(self, match: re.Match[str]) -> str:
        source = match[0]
        if source[0] == '"':
            inner = self._convert_double_quoted(source[1:-1])
            return f'"{inner}"' if self._should_keep_marks else inner
        if self._should_keep_marks:
            return source
        return source[1:-1] if source[0] == "'" else source[1:]

    def _convert_double_quoted(self, inner: str) -> str:
        """Return the text between double quotes without its escapes.

        If escapes are kept, an escape character that stands for itself is added twice, as BuildKit does.
        """
        mark = _ESCAPE if self._should_keep_marks else ""
        return _LITERAL_ESCAPE.sub(lambda escape: mark + (escape[1] or _ESCAPE), inner)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        character = self._peek()
        self._at += 1
        return character

    def _take_double_quoted(self) -> str:
        """Consume and return a text in double quotes, which may contain substitutions."""
        if self._take() != '"':
            raise _UnsplittableError
        inner: list[str] = []
        while (character := self._peek()) != '"':
            if character == "$":
                inner.append(self._take_substitution())
            elif match := _IN_DOUBLE_QUOTES.match(self._text, self._at):
                self._at = match.end()
                inner.append(self._convert_double_quoted(match[0]))
            else:
                raise _UnsplittableError
        self._at += 1
        return f'"{"".join(inner)}"' if self._should_keep_marks else "".join(inner)

    def _take_substitution(self) -> str:
        """Consume `$NAME` or `${…}`, and return its source text unchanged."""
        start = self._at
        self._skip_substitution()
        return self._text[start : self._at]

    def _skip_substitution(self) -> None:
        self._at += 1
        if self._peek() != "{":
            self._skip_name()
            return
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
                self._skip_substitution()
            elif character == '"':
                self._take_double_quoted()
            elif character == "'":
                self._at = self._text.find("'", self._at + 1) + 1
                if not self._at:
                    raise _UnsplittableError
            elif plain := _PLAIN.match(self._text, self._at):
                self._at = plain.end()
            else:
                self._at += len(_ESCAPE) + 1 if character == _ESCAPE else 1
        raise _UnsplittableError
