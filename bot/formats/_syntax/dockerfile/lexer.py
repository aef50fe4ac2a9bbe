"""Split a Dockerfile into instructions as BuildKit does, and map their texts to the bytes of the file.

The text of an instruction consists of its lines without comments and line breaks. A position is an index into this
text. A position in the file is called a file offset. All texts are bytes, because a Dockerfile has no declared
encoding.

Keywords, flags and words follow frontend/dockerfile/parser/split_command.go of moby/buildkit. A text that BuildKit
rejects is not an error here, unless a line is too long or a keyword is joined to its argument. As much of the text as
possible is read.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Container, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from bot.formats._syntax.broken import BrokenAtError
from bot.formats._syntax.dockerfile.instruction_lines import (
    InstructionLines,
    InstructionSplitter,
    TextPiece,
    skip_space,
)
from bot.model.vocabulary import Reason

if TYPE_CHECKING:
    from bot.formats._syntax.dockerfile.heredocs import Heredoc

MAX_LINE_BYTES = 65_535
"""BuildKit rejects a file with a longer line (bufio.MaxScanTokenSize, used in frontend/dockerfile/parser/parser.go)."""
MAX_FLAGS = 100_000
"""Limit on the words of one file that may be flags. The longest generated Dockerfiles have a few thousand flags."""
MAX_WORDS = 1_000
"""Limit on the words of a `FROM` that are read. A `FROM` with more than three words is rejected by BuildKit, and
templates that add words before the build add a few dozen."""

_LONG_LINE = re.compile(rb"^[^\n]{%d}" % (MAX_LINE_BYTES + 1), re.MULTILINE)
_POSSIBLE_FLAG = re.compile(rb"[\t-\r \x85\xa0]--")
_WORD = re.compile(rb"[^\t\v\f\r ]+")
"""A keyword or a word. Only these bytes separate words, and not all characters that Go treats as spaces
(reWhitespace)."""
_JOINED_KEYWORD = re.compile(rb"[A-Za-z]++(?=[\\`][ \t]*\r*\n)")
"""A keyword that a line continuation joins to the next line."""
_NOT_FLAG = re.compile(rb"[\t\v\f\r ]*+[^\t-\r \\`\x80-\xff-]")
"""Text after the keyword, on the same line, that certainly does not start with a flag."""
_FLAG_SPACE = frozenset(b"\t\n\v\f\r \x85\xa0")
"""The bytes that separate flags. BuildKit reads flags byte by byte, so 0x85 and 0xA0 are spaces even inside other
characters (extractBuilderFlags)."""
_PLAIN_FLAG = re.compile(rb"--[!#-&(-\[\]-_a-~]*(?=[\t-\r ]|\Z)")
"""A flag without quotes and escapes. Nearly all flags are of this kind."""
_QUOTES = frozenset(b"'\"")
_HEREDOC_KEYWORDS = frozenset({"add", "copy", "run"})


class InstructionWord(NamedTuple):
    """A part of an instruction's text, such as a flag. `value` may omit quotes and escapes that are in the text."""

    value: bytes
    origins: Sequence[int]
    """For each byte of `value`, its position in the text of the instruction."""

    def slice_word(self, start: int, end: int | None = None) -> InstructionWord:
        return InstructionWord(self.value[start:end], self.origins[start:end])


class DockerfileInstruction:
    """One instruction. Its text consists of its lines without comments and line breaks."""

    __slots__ = ("_arguments_start", "_flags_and_end", "_is_plain", "_lines", "_words", "keyword")

    def __init__(self, lines: InstructionLines, keyword: str, arguments_start: int, *, is_plain: bool = False) -> None:
        self._lines = lines
        self.keyword = keyword
        """The keyword in lower case; empty for an instruction without text."""
        self._arguments_start = arguments_start
        """The position in the text at which the flags start."""
        self._is_plain = is_plain
        """True if the first line starts with the whole keyword, which may also be split over several lines."""
        self._flags_and_end: tuple[tuple[InstructionWord, ...], int] | None = None
        self._words: tuple[InstructionWord, ...] | None = None

    @property
    def text(self) -> bytes:
        return self._lines.joined[0]

    @property
    def pieces(self) -> tuple[TextPiece, ...]:
        return self._lines.joined[1]

    @property
    def first_line_number(self) -> int:
        """The number of the instruction's first line. Lines are numbered from 1."""
        return self._lines.line_number

    @property
    def escape(self) -> int:
        """The escape character of the file (a backslash or a backtick), as the value of its byte."""
        return self._lines.escape

    @property
    def flags(self) -> tuple[InstructionWord, ...]:
        """The words after the keyword that start with `--`, such as `--platform=linux/arm64`."""
        lines = self._lines
        if self._is_plain and _NOT_FLAG.match(lines.content, lines.start + self._arguments_start, lines.end):
            return ()
        return self._split()[0]

    def _split(self) -> tuple[tuple[InstructionWord, ...], int]:
        if self._flags_and_end is None:
            self._flags_and_end = _split_flags(self.text, self._arguments_start, self.escape)
        return self._flags_and_end

    @property
    def rest_span(self) -> tuple[int, int]:
        """The start and end position of the text after the flags, without the space around it."""
        text = self.text
        return skip_space(text, self._split()[1], len(text)), len(text)

    @property
    def rest(self) -> InstructionWord:
        """The whole text after the flags. Quotes and escapes are kept."""
        return self._slice(*self.rest_span)

    @property
    def words(self) -> tuple[InstructionWord, ...]:
        """The text after the flags, split at every blank, up to MAX_WORDS words. Quotes and escapes are kept."""
        if self._words is None:
            text = self.text
            found = (match.span() for match in islice(_WORD.finditer(text, *self.rest_span), MAX_WORDS))
            self._words = tuple(InstructionWord(text[start:end], range(start, end)) for start, end in found)
        return self._words

    def parse_onbuild(self) -> DockerfileInstruction:
        """Return the instruction that follows the keyword `ONBUILD`, such as `RUN make` in `ONBUILD RUN make`."""
        return _parse_instruction(self._lines, self.rest_span[0])

    def find_file_start(self, word: InstructionWord) -> int | None:
        """Return the file offset of `word`, or None if the bytes of the word are not contiguous in the file.

        The bytes are not contiguous if the word is split over several lines, or if quotes and escapes were removed from
        the word. Call this only for a word that is not empty.
        """
        first, last = (self._get_file_offset(origin) for origin in (word.origins[0], word.origins[-1]))
        return first if last - first == len(word.value) - 1 else None

    def iterate_pieces(self, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        """Yield the contiguous pieces of the text from `start` to `end`, each as (bytes, file offset, line number).

        The text of an instruction with several lines has several pieces, because the line breaks between them are left
        out.
        """
        if len(self.pieces) == 1:
            if start < end:
                piece = self.pieces[0]
                yield self.text[start:end], piece.file_start + start, piece.line_number
            return
        index = self._find_piece_index(start)
        while start < end:
            piece = self.pieces[index]
            index += 1
            piece_end = self.pieces[index].start if index < len(self.pieces) else len(self.text)
            stop = min(end, piece_end)
            if start < stop:
                yield self.text[start:stop], piece.file_start + start - piece.start, piece.line_number
            start = max(start, stop)

    def get_line_number(self, word: InstructionWord) -> int:
        """Return the number of the line on which `word` starts. Lines are numbered from 1."""
        return self.pieces[self._find_piece_index(word.origins[0] if word.value else self._arguments_start)].line_number

    def _slice(self, start: int, end: int) -> InstructionWord:
        return InstructionWord(self.text[start:end], range(start, end))

    def _get_file_offset(self, origin: int) -> int:
        piece = self.pieces[self._find_piece_index(origin)]
        return piece.file_start + origin - piece.start

    def _find_piece_index(self, origin: int) -> int:
        pieces = self.pieces
        return 0 if len(pieces) == 1 else max(bisect_right(pieces, origin, key=lambda piece: piece.start) - 1, 0)


def read_instructions(content: bytes, keywords: Container[str] | None = None) -> Iterator[DockerfileInstruction]:
    """Yield the instructions of a Dockerfile in the order of the file.

    If `keywords` is given, instructions with other keywords are left out. Raises BrokenAtError if the file exceeds a
    limit, or if a line continuation joins one of `keywords` to its argument. For example, `FROM` may be the last word
    of a continued line, and `nginx` may be at the start of the next line. BuildKit then reads an unknown instruction
    `FROMnginx`, and rejects the file.
    """
    _check_limits(content)
    splitter = InstructionSplitter(content)
    may_have_heredocs = b"<<" in content
    for span in splitter.iterate_spans():
        start, end, plain_keyword = span
        keyword = plain_keyword.lower().decode() if plain_keyword is not None else None
        is_relevant = keywords is None or keyword is None or keyword in keywords
        may_open_heredoc = may_have_heredocs and content.find(b"<<", start, end) >= 0
        if not is_relevant and not may_open_heredoc:
            continue
        lines = splitter.get_lines(span)
        if keyword is not None:
            instruction = DockerfileInstruction(lines, keyword, len(keyword), is_plain=True)
        else:
            instruction = _parse_instruction(lines, skip_space(lines.joined[0], 0, len(lines.joined[0])))
            is_relevant = keywords is None or instruction.keyword in keywords
            joined = None if is_relevant else _JOINED_KEYWORD.match(content, start, end)
            if joined is not None and joined[0].lower().decode() in (keywords or ()):
                raise BrokenAtError(start)
        if is_relevant:
            yield instruction
        if may_open_heredoc:
            splitter.skip_heredocs(_find_heredocs(instruction, start))


def _check_limits(content: bytes) -> None:
    long_line = _LONG_LINE.search(content) if len(content) > MAX_LINE_BYTES else None
    if long_line is not None:
        raise BrokenAtError(long_line.start())
    if content.count(b"--") <= MAX_FLAGS:  # counting is much faster than searching
        return
    flag = next(islice(_POSSIBLE_FLAG.finditer(content), MAX_FLAGS, None), None)
    if flag is not None:
        raise BrokenAtError(flag.end(), Reason.TOO_LARGE)


def _parse_instruction(lines: InstructionLines, start: int) -> DockerfileInstruction:
    """Return the instruction that the text of `lines` contains from position `start` on, where its keyword starts."""
    text = lines.joined[0]
    match = _WORD.match(text, start)
    if match is None:
        return DockerfileInstruction(lines, "", len(text))
    return DockerfileInstruction(lines, match[0].lower().decode(errors="replace"), match.end())


def _find_heredocs(instruction: DockerfileInstruction, start: int) -> tuple[Heredoc, ...]:
    """Return the heredocs that an instruction opens. `start` is the offset of the instruction in the file.

    Raises BrokenAtError if there are too many heredocs.
    """
    inner_instruction = instruction.parse_onbuild() if instruction.keyword == "onbuild" else instruction
    # BuildKit excludes arguments in JSON form. Such arguments need no check here, because quoted strings open no
    # heredoc.
    if inner_instruction.keyword not in _HEREDOC_KEYWORDS:
        return ()
    from bot.formats._syntax.dockerfile.heredocs import TooManyHeredocsError, find_heredocs

    try:
        return find_heredocs(instruction.text)
    except TooManyHeredocsError:
        raise BrokenAtError(start, Reason.TOO_LARGE) from None


def _split_flags(text: bytes, start: int, escape: int) -> tuple[tuple[InstructionWord, ...], int]:
    """Return the flags (`--name=value`) from position `start` of `text` on, and the position after the last flag.

    `escape` is the escape character as the value of its byte.
    """
    flags: list[InstructionWord] = []
    while True:
        while start < len(text) and text[start] in _FLAG_SPACE:
            start += 1
        if not text.startswith(b"--", start):
            return tuple(flags), start
        flag, start = _read_flag(text, start, escape)
        if flag.value == b"--":
            return tuple(flags), start
        flags.append(flag)


def _read_flag(text: bytes, start: int, escape: int) -> tuple[InstructionWord, int]:
    """Return the flag that starts at position `start` of `text`, and the position after the flag.

    The flag may contain spaces inside quotes. The value of the flag omits the quotes and escape characters. `escape` is
    the escape character as the value of its byte.
    """
    plain = _PLAIN_FLAG.match(text, start)
    if plain is not None:
        return InstructionWord(plain[0], range(start, plain.end())), plain.end()
    origins = array("Q")  # a list would take five times the memory
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
    return InstructionWord(bytes(text[origin] for origin in origins), origins), min(at, len(text))
