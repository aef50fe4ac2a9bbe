"""The instructions of a Dockerfile as BuildKit reads them, each with the way back from its text to the file's bytes.

What a line, a comment, a continuation, a directive, a heredoc and a flag are follows frontend/dockerfile/parser of
moby/buildkit (parser.go, directives.go, split_command.go). What BuildKit refuses to build is read as far as it makes
sense; it is never an error here. Everything is bytes: a Dockerfile has no encoding.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from bot.formats._syntax.heredocs import Heredoc, heredocs_of

MAX_SHIFTS = 20
"""Times that the rest of a file is searched in vain for the end of what may be a heredoc or a shift: after so many, the
file has shifts."""
BOM = b"\xef\xbb\xbf"

SPACE = rb"(?:[\t-\r ]|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80)"
"""Go's unicode.IsSpace in UTF-8; an invalid byte is no space."""
_LEADING_SPACE = re.compile(rb"%b*" % SPACE)
_TRAILING_SPACE = re.compile(rb"%b+\Z" % SPACE)
_NEVER_SPACE = frozenset(range(0x21, 0x80))
"""Bytes that are a character of their own and no space; nearly all that is looked at."""
_WORD = re.compile(rb"[^\t\v\f\r ]+")
"""The keyword and the words of an instruction are separated by less than what Go takes for space (reWhitespace)."""
_FLAG_SPACE = frozenset(b"\t\n\v\f\r \x85\xa0")
"""Flags are read byte by byte, so two bytes that are halves of other characters are spaces (extractBuilderFlags)."""
_PLAIN_FLAG = re.compile(rb"--[!#-&(-\[\]-_a-~]*(?=[\t-\r ]|\Z)")
"""A flag without quotes and escapes, as nearly all are."""
_QUOTES = frozenset(b"'\"")
_DASH = ord("-")
DIRECTIVE = re.compile(rb"([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=[\t\n\f\r ]*(.+?)[\t\n\f\r ]*", re.DOTALL)
DIRECTIVES = frozenset({b"syntax", b"escape", b"check"})
_ESCAPES = frozenset({b"\\", b"`"})
_TAKES_HEREDOCS = frozenset({"add", "copy", "run"})


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of bytes of an instruction's text that stands in the file as it is."""

    start: int
    """In the text."""
    file_start: int
    line_number: int


@dataclass(frozen=True, slots=True)
class Word:
    """A part of an instruction after quotes and escapes are gone."""

    value: bytes
    origins: Sequence[int]
    """For each byte of `value`, where in the instruction's text it stands."""

    def part(self, start: int, end: int | None = None) -> Word:
        return Word(self.value[start:end], self.origins[start:end])


@dataclass(frozen=True)
class Instruction:
    """One instruction: its lines joined, comments and line breaks gone."""

    keyword: str
    """In lower case; empty for an instruction without any text."""
    text: bytes
    arguments_start: int
    """Where in `text` the flags begin."""
    pieces: tuple[Piece, ...]
    escape: int
    """The escape character of the file."""

    @cached_property
    def _flags_and_end(self) -> tuple[tuple[Word, ...], int]:
        return _split_flags(self.text, self.arguments_start, self.escape)

    @property
    def flags(self) -> tuple[Word, ...]:
        """The words that begin with `--` before anything else."""
        return self._flags_and_end[0]

    @cached_property
    def rest_span(self) -> tuple[int, int]:
        """Where in the text it stands what follows the flags, without the space around it."""
        return _strip(self.text, self._flags_and_end[1])

    @property
    def rest(self) -> Word:
        """What follows the flags; quotes and escapes are still there."""
        return self._slice(*self.rest_span)

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """The same, split at blanks."""
        start, end = self.rest_span
        return tuple(self._slice(*match.span()) for match in _WORD.finditer(self.text, start, end))

    def onbuild(self) -> Instruction:
        """Return the instruction that an ONBUILD holds."""
        start, end = self.rest_span
        return _instruction(self.text[:end], start, self.pieces, self.escape)

    def file_start(self, word: Word) -> int | None:
        """Return the byte of the file that `word`, not empty, starts at; None where it is not there in one piece."""
        first, last = (self._file_offset(origin) for origin in (word.origins[0], word.origins[-1]))
        return first if last - first == len(word.value) - 1 else None

    def pieces_of(self, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        """Yield the bytes of the text from `start` to `end`, with the byte and the line of the file they stand at."""
        index = self._piece_index(start)
        while start < end:
            piece = self.pieces[index]
            index += 1
            piece_end = self.pieces[index].start if index < len(self.pieces) else len(self.text)
            stop = min(end, piece_end)
            if start < stop:
                yield self.text[start:stop], piece.file_start + start - piece.start, piece.line_number
            start = max(start, stop)

    def line_number(self, word: Word) -> int:
        """Return the line that `word` begins on, from 1."""
        return self._piece(word.origins[0] if word.value else self.arguments_start).line_number

    def _slice(self, start: int, end: int) -> Word:
        return Word(self.text[start:end], range(start, end))

    def _file_offset(self, origin: int) -> int:
        piece = self._piece(origin)
        return piece.file_start + origin - piece.start

    def _piece(self, origin: int) -> Piece:
        return self.pieces[self._piece_index(origin)]

    def _piece_index(self, origin: int) -> int:
        if len(self.pieces) == 1:
            return 0
        return max(bisect_right(self.pieces, origin, key=lambda piece: piece.start) - 1, 0)


def read_instructions(content: bytes) -> Iterator[Instruction]:
    """Yield the instructions of a Dockerfile in order; never raises."""
    return _Reader(content).instructions()


class _Reader:
    """Goes through a file line by line."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = len(BOM) if content.startswith(BOM) else 0
        self._line_number = 0
        self._escape = ord("\\")
        self._directives: set[bytes] | None = set()
        """Those seen; None once something else came, after which there are none."""
        self._shifts = 0
        """How many times what looked like a heredoc was none."""

    def instructions(self) -> Iterator[Instruction]:
        while (line := self._next_line()) is not None:
            start, end = line
            start = _skip_space(self._content, start, end)
            is_comment = self._content.startswith(b"#", start, end)
            if self._directives is not None:
                self._read_directive(start, end, is_comment=is_comment)
            if is_comment or start == end:
                continue
            text, pieces = self._join(start, end)
            start, end = _strip(text, 0)
            instruction = _instruction(text[:end], start, pieces, self._escape)
            yield instruction
            for heredoc in _heredocs(instruction):
                if not heredoc.is_spaced or self._shifts < MAX_SHIFTS:
                    self._skip(heredoc)

    def _next_line(self) -> tuple[int, int] | None:
        """Return start and end of the next line, without its line break."""
        start = self._at
        if start >= len(self._content):
            return None
        end = self._content.find(b"\n", start)
        end = len(self._content) if end < 0 else end
        self._at = end + 1
        self._line_number += 1
        while end > start and self._content[end - 1] in b"\r":
            end -= 1
        return start, end

    def _join(self, start: int, end: int) -> tuple[bytes, tuple[Piece, ...]]:
        """Join the lines of the instruction whose first line is given."""
        body_end = self._continued(start, end)
        pieces = [Piece(0, start, self._line_number)]
        if body_end is None:
            return self._content[start:end], tuple(pieces)
        text = [self._content[start:body_end]]
        length = body_end - start
        while body_end is not None and (line := self._next_line()) is not None:
            start, end = line
            first = _skip_space(self._content, start, end)
            if first == end or self._content.startswith(b"#", first):  # blank lines and comments may stand in between
                continue
            body_end = self._continued(start, end)
            piece = self._content[start : end if body_end is None else body_end]
            pieces.append(Piece(length, start, self._line_number))
            text.append(piece)
            length += len(piece)
        return b"".join(text), tuple(pieces)

    def _continued(self, start: int, end: int) -> int | None:
        """Return where the body of a line ends that the next one continues, else None."""
        content = self._content
        while end > start and content[end - 1] in b" \t":
            end -= 1
        last = end - 1
        if last < start or content[last] != self._escape:
            return None
        return None if last > start and content[last - 1] == self._escape else last

    def _read_directive(self, start: int, end: int, *, is_comment: bool) -> None:
        match = None
        if is_comment:
            line = self._content[start + 1 : end]
            match = DIRECTIVE.fullmatch(line, _skip_space(line, 0, len(line)))
        key = match[1].lower() if match else b""
        if self._directives is None or match is None or key not in DIRECTIVES:
            self._directives = None
        elif key not in self._directives:
            self._directives.add(key)
            if key == b"escape" and match[2] in _ESCAPES:
                self._escape = match[2][0]

    def _skip(self, heredoc: Heredoc) -> None:
        """Skip the body of a heredoc. Without its last line it goes on to the end of the file, or it is none."""
        start = self._at, self._line_number
        while (line := self._next_line()) is not None:
            if heredoc.ends_at(self._content[slice(*line)]):
                return
        if heredoc.is_spaced:
            self._at, self._line_number = start
            self._shifts += 1


def _instruction(text: bytes, start: int, pieces: tuple[Piece, ...], escape: int) -> Instruction:
    """Split off the keyword of the instruction that begins at `start` of `text`."""
    match = _WORD.match(text, start)
    if match is None:
        return Instruction("", text, len(text), pieces, escape)
    keyword = match[0].lower().decode(errors="replace")
    return Instruction(keyword, text, match.end(), pieces, escape)


def _heredocs(instruction: Instruction) -> tuple[Heredoc, ...]:
    if b"<<" not in instruction.text:
        return ()
    holder = instruction.onbuild() if instruction.keyword == "onbuild" else instruction
    # BuildKit excepts arguments that are a JSON array, but in one everything is in double quotes and opens nothing.
    return heredocs_of(instruction.text) if holder.keyword in _TAKES_HEREDOCS else ()


def _skip_space(text: bytes, start: int, end: int) -> int:
    if start < end and text[start] in _NEVER_SPACE:
        return start
    match = _LEADING_SPACE.match(text, start, end)
    return match.end() if match else start


def _strip(text: bytes, start: int) -> tuple[int, int]:
    """Return start and end of `text` from `start` on without the space around it."""
    end = len(text)
    while end > start and text[end - 1] not in _NEVER_SPACE:
        match = _TRAILING_SPACE.search(text, max(start, end - 3), end)
        if match is None:
            break
        end = match.start()
    return _skip_space(text, start, end), end


def _split_flags(text: bytes, start: int, escape: int) -> tuple[tuple[Word, ...], int]:
    """Return the flags that `text` begins with from `start` on, and where they end."""
    flags: list[Word] = []
    while True:
        while start < len(text) and text[start] in _FLAG_SPACE:
            start += 1
        if not text.startswith(b"--", start):
            return tuple(flags), start
        flag, start = _read_flag(text, start, escape)
        if flag.value == b"--":
            return tuple(flags), start
        flags.append(flag)


def _read_flag(text: bytes, start: int, escape: int) -> tuple[Word, int]:
    """Read the one flag at `start`: quotes group, the escape character takes the next byte as it is."""
    plain = _PLAIN_FLAG.match(text, start)
    if plain is not None:
        return Word(plain[0], range(start, plain.end())), plain.end()
    origins: list[int] = []
    quote: int | None = None
    at = start
    while at < len(text):
        byte = text[at]
        if byte == quote:
            quote = None
        elif byte == escape:
            at += 1
            if at < len(text):
                origins.append(at)
        elif quote is not None:
            origins.append(at)
        elif byte in _FLAG_SPACE:
            break
        elif byte in _QUOTES:
            quote = byte
        else:
            origins.append(at)
        at += 1
    return Word(bytes(text[origin] for origin in origins), tuple(origins)), min(at, len(text))
