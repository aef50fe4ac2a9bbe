"""Split a Dockerfile into instructions as BuildKit does, and map the text of each back to the file's bytes.

Keywords, flags and words follow frontend/dockerfile/parser/split_command.go of moby/buildkit. Text that BuildKit
refuses to build is read as far as it makes sense, and is never an error here. Everything is bytes, since a Dockerfile
has no declared encoding.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

from bot.formats._syntax.dockerfile.heredocs import Heredoc, heredocs_of
from bot.formats._syntax.dockerfile.lines import InstructionLines, LineReader, Piece, skip_space

_WORD = re.compile(rb"[^\t\v\f\r ]+")
"""Only these bytes separate the keyword and the words of an instruction, not all that Go takes for space
(reWhitespace)."""
_PLAIN_KEYWORD = re.compile(rb"[A-Za-z]++(?=[\t-\r ]|\Z)")
"""A keyword that is complete on the first line."""
_NO_FLAG = re.compile(rb"[\t\v\f\r ]*+[^\t-\r \\`\x80-\xff-]")
"""Text behind the keyword on its line that certainly does not begin with a flag."""
_FLAG_SPACE = frozenset(b"\t\n\v\f\r \x85\xa0")
"""BuildKit reads flags byte by byte, so 0x85 and 0xA0 are spaces even inside other characters (extractBuilderFlags)."""
_PLAIN_FLAG = re.compile(rb"--[!#-&(-\[\]-_a-~]*(?=[\t-\r ]|\Z)")
"""A flag without quotes and escapes, as nearly all are."""
_QUOTES = frozenset(b"'\"")
_TAKES_HEREDOCS = frozenset({"add", "copy", "run"})


class Word(NamedTuple):
    """A part of an instruction, without the quotes and escapes that were removed from it."""

    value: bytes
    origins: Sequence[int]
    """For each byte of `value`: its position in the instruction's text."""

    def part(self, start: int, end: int | None = None) -> Word:
        return Word(self.value[start:end], self.origins[start:end])


class Instruction:
    """One instruction, its lines joined without comments and line breaks."""

    __slots__ = ("_arguments_start", "_flags_and_end", "_is_plain", "_lines", "_words", "keyword")

    def __init__(self, lines: InstructionLines, keyword: str, arguments_start: int, *, is_plain: bool = False) -> None:
        self._lines = lines
        self.keyword = keyword
        """In lower case; empty for an instruction without text."""
        self._arguments_start = arguments_start
        """The position in the text at which the flags begin."""
        self._is_plain = is_plain
        """Whether the keyword stands unbroken at the beginning of the first line."""
        self._flags_and_end: tuple[tuple[Word, ...], int] | None = None
        self._words: tuple[Word, ...] | None = None

    @property
    def text(self) -> bytes:
        return self._lines.joined[0]

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return self._lines.joined[1]

    @property
    def first_line(self) -> int:
        """The number of its first line, from 1."""
        return self._lines.line_number

    @property
    def escape(self) -> int:
        """The escape character of the file."""
        return self._lines.escape

    @property
    def flags(self) -> tuple[Word, ...]:
        """The words with `--` that follow the keyword."""
        lines = self._lines
        if self._is_plain and _NO_FLAG.match(lines.content, lines.start + self._arguments_start, lines.end):
            return ()
        return self._split()[0]

    def _split(self) -> tuple[tuple[Word, ...], int]:
        if self._flags_and_end is None:
            self._flags_and_end = _split_flags(self.text, self._arguments_start, self.escape)
        return self._flags_and_end

    @property
    def rest_span(self) -> tuple[int, int]:
        """The range in the text behind the flags, without the space around it."""
        text = self.text
        return skip_space(text, self._split()[1], len(text)), len(text)

    @property
    def rest(self) -> Word:
        """The text behind the flags, with quotes and escapes."""
        return self._slice(*self.rest_span)

    @property
    def words(self) -> tuple[Word, ...]:
        """The text behind the flags, split at blanks."""
        if self._words is None:
            text = self.text
            found = (match.span() for match in _WORD.finditer(text, *self.rest_span))
            self._words = tuple(Word(text[start:end], range(start, end)) for start, end in found)
        return self._words

    def onbuild(self) -> Instruction:
        """Return the instruction inside an ONBUILD."""
        return _instruction(self._lines, self.rest_span[0])

    def file_start(self, word: Word) -> int | None:
        """Return the file offset of `word`, which is not empty; None if the word is not contiguous in the file."""
        first, last = (self._file_offset(origin) for origin in (word.origins[0], word.origins[-1]))
        return first if last - first == len(word.value) - 1 else None

    def pieces_of(self, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        """Yield the bytes of the text from `start` to `end`, each run with its file offset and its line."""
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
        """Return the number of the line that `word` begins on, from 1."""
        return self.pieces[self._piece_index(word.origins[0] if word.value else self._arguments_start)].line_number

    def _slice(self, start: int, end: int) -> Word:
        return Word(self.text[start:end], range(start, end))

    def _file_offset(self, origin: int) -> int:
        piece = self.pieces[self._piece_index(origin)]
        return piece.file_start + origin - piece.start

    def _piece_index(self, origin: int) -> int:
        if len(self.pieces) == 1:
            return 0
        return max(bisect_right(self.pieces, origin, key=lambda piece: piece.start) - 1, 0)


def read_instructions(content: bytes, wanted: Container[str] | None = None) -> Iterator[Instruction]:
    """Yield the instructions of a Dockerfile in order, all or those with a keyword in `keywords`; never raises."""
    reader = LineReader(content)
    for start, end in reader.spans():
        plain = _PLAIN_KEYWORD.match(content, start, end)
        keyword = plain[0].lower().decode() if plain else None
        is_wanted = wanted is None or keyword is None or keyword in wanted
        may_open = content.find(b"<<", start, end) >= 0
        if not is_wanted and not may_open:
            continue
        lines = reader.lines(start, end)
        if keyword is not None:
            instruction = Instruction(lines, keyword, len(keyword), is_plain=True)
        else:
            instruction = _instruction(lines, skip_space(lines.joined[0], 0, len(lines.joined[0])))
            is_wanted = wanted is None or instruction.keyword in wanted
        if is_wanted:
            yield instruction
        if may_open:
            reader.skip(_heredocs(instruction))


def _instruction(lines: InstructionLines, start: int) -> Instruction:
    """Return the instruction that begins at `start` of the text."""
    text = lines.joined[0]
    match = _WORD.match(text, start)
    if match is None:
        return Instruction(lines, "", len(text))
    return Instruction(lines, match[0].lower().decode(errors="replace"), match.end())


def _heredocs(instruction: Instruction) -> tuple[Heredoc, ...]:
    holder = instruction.onbuild() if instruction.keyword == "onbuild" else instruction
    # BuildKit excludes arguments in the JSON form. That needs no check: all its strings are quoted and open no heredoc.
    return heredocs_of(instruction.text) if holder.keyword in _TAKES_HEREDOCS else ()


def _split_flags(text: bytes, start: int, escape: int) -> tuple[tuple[Word, ...], int]:
    """Return the flags at `start` of `text`, and where they end."""
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
    """Read the flag at `start`: quotes group, and the escape character takes the next byte literally."""
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
