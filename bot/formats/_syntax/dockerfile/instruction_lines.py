"""Group the lines of a Dockerfile into instructions, and join the lines of each instruction.

Lines, comments, continuations, directives and the bodies of heredocs follow frontend/dockerfile/parser of moby/buildkit
(parser.go, directives.go). The lines of an instruction are joined only when its text is used, because most instructions
are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from bot.formats._syntax.encoding import find_text_start

if TYPE_CHECKING:
    from bot.formats._syntax.dockerfile.heredocs import Heredoc

MAX_SHIFTS = 20
"""How many times the rest of a file is searched in vain for the end of a possible heredoc. After that, every `<< word`
in the file is treated as a shift."""

SPACE = rb"(?:[\t-\r ]|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80)"
"""The characters for which Go's unicode.IsSpace returns true, in UTF-8. An invalid byte is not a space."""
DIRECTIVE_PATTERN = re.compile(
    rb"([a-zA-Z][a-zA-Z0-9]*)%b*=%b*((?:[^\t\n\f\r ]++|%b++(?!\Z))++|%b)%b*" % (*[rb"[\t\n\f\r ]"] * 5,)
)
DIRECTIVE_KEYS = frozenset({b"syntax", b"escape", b"check"})

_SPACES_IN_LINE = rb"(?:(?!\n)%b)*+" % SPACE
_LEADING_SPACES = re.compile(_SPACES_IN_LINE)
_BLANK_OR_COMMENT = rb"%b(?:#[^\n]*+)?+\n" % _SPACES_IN_LINE
"""A blank line or a comment."""
_TRAILING_SPACES = re.compile(rb"%b+\Z" % SPACE)
_NON_SPACE_BYTES = frozenset(range(0x21, 0x80))
"""ASCII bytes that are not spaces. Nearly all bytes that are checked are in this set."""
_ESCAPES = frozenset({b"\\", b"`"})
_INSTRUCTION = {
    escape[0]: re.compile(
        # Blank lines and comments, and then the instruction, which starts with its keyword.
        rb"(?:%b)*+%b(?:(?=([A-Za-z]++)(?:[\t-\r ]|\Z))|)("
        # A line continues if it ends with exactly one escape character. Comments may come before the next line.
        rb"(?:[^\n%b]*+(?:%b(?![ \t]*+\r*+(?:\n|\Z))[^\n%b]*+)*+(?<!%b)%b[ \t]*+\r*+(?:\n|\Z)(?:%b)*+)*+[^\n]*+\n?)"
        % (_BLANK_OR_COMMENT, _SPACES_IN_LINE, *[re.escape(escape)] * 5, _BLANK_OR_COMMENT)
    )
    for escape in _ESCAPES
}
"""Matches up to the end of the next instruction, by the escape character of the file. The groups are the keyword, if it
is complete on the first line of the instruction, and the instruction."""


class TextPiece(NamedTuple):
    """The start of a contiguous part of an instruction's text. The part ends at the start of the next `TextPiece`."""

    start: int
    """The offset in the text of the instruction."""
    file_start: int
    line_number: int


class InstructionSpan(NamedTuple):
    """The lines of one instruction in the file, from its first character to the end of its last line."""

    start: int
    end: int
    keyword: bytes | None
    """The keyword as it is written; None if the keyword is not complete on the first line."""


class InstructionLines:
    """The lines of one instruction, including continuation lines and the comments between them."""

    __slots__ = ("_joined", "content", "end", "escape", "line_number", "start")

    def __init__(self, content: bytes, start: int, end: int, line_number: int, escape: int) -> None:
        self.content = content
        self.start = start
        self.end = end
        self.line_number = line_number
        """Number of the first line, from 1."""
        self.escape = escape
        """The escape character of the file."""
        self._joined: tuple[bytes, tuple[TextPiece, ...]] | None = None

    @property
    def joined(self) -> tuple[bytes, tuple[TextPiece, ...]]:
        """The text of the instruction, and the pieces of which the text consists.

        The text has no comments, line breaks, or escape characters before line breaks, and no space at its end.
        """
        if self._joined is None:
            self._joined = self._get_single_line() or self._join()
        return self._joined

    def _get_single_line(self) -> tuple[bytes, tuple[TextPiece, ...]] | None:
        """Return the text and its only piece. Return None if there are several lines or unusual bytes at the end."""
        text = self.content[self.start : self.end].rstrip()
        if b"\n" in text or not text or text[-1] not in _NON_SPACE_BYTES or text[-1] == self.escape:
            return None
        return text, (TextPiece(0, self.start, self.line_number),)

    def _join(self) -> tuple[bytes, tuple[TextPiece, ...]]:
        texts: list[bytes] = []
        pieces: list[TextPiece] = []
        length = 0
        start, line_number = self.start, self.line_number
        while True:
            line_end = self.content.find(b"\n", start, self.end)
            line_end = self.end if line_end < 0 else line_end
            end, is_continued = self._find_body_end(start, line_end)
            if not pieces or not self._is_blank_or_comment(start, line_end):
                pieces.append(TextPiece(length, start, line_number))
                texts.append(self.content[start:end])
                length += end - start
                if not is_continued:
                    break
            start, line_number = line_end + 1, line_number + 1
            if start >= self.end:
                break
        text = b"".join(texts)
        return text[: _find_text_end(text)], tuple(pieces)

    def _find_body_end(self, start: int, end: int) -> tuple[int, bool]:
        """Return the offset at which the text of a line ends, and True if the next line continues the instruction.

        `start` and `end` are the offsets at which the line starts and ends. The text of a continued line ends before
        the escape character at its end.
        """
        content = self.content
        while end > start and content[end - 1] in b"\r":
            end -= 1
        last = end
        while last > start and content[last - 1] in b" \t":
            last -= 1
        last -= 1
        if last < start or content[last] != self.escape or (last > start and content[last - 1] == self.escape):
            return end, False
        return last, True

    def _is_blank_or_comment(self, start: int, end: int) -> bool:
        spaces = _LEADING_SPACES.match(self.content, start, end)
        first = spaces.end() if spaces else start
        return first == end or self.content.startswith(b"#", first)


class InstructionSplitter:
    """Finds the instructions of a Dockerfile.

    The caller takes one span from `iterate_spans`, and passes the heredocs of this instruction to `skip_heredocs`
    before it takes the next span. If a caller omits this call, the bodies of heredocs are read as instructions.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = find_text_start(content)
        self._counted_up_to = 0
        """The offset up to which line breaks have been counted."""
        self._line_number = 1
        self._escape = ord("\\")
        self._shift_count = 0
        """How many possible heredocs have turned out to be shifts."""
        self._read_directives()

    def iterate_spans(self) -> Iterator[InstructionSpan]:
        """Yield the span of each instruction."""
        content = self._content
        instruction = _INSTRUCTION[self._escape]
        while found := instruction.match(content, self._at):
            start, self._at = found.span(2)
            if start == len(content) or content.startswith(b"#", start):
                return
            yield InstructionSpan(start, self._at, found[1])

    def get_lines(self, span: InstructionSpan) -> InstructionLines:
        """Return the lines of an instruction. `span` is the span that `iterate_spans` has just yielded."""
        start = span.start
        self._line_number += self._content.count(b"\n", self._counted_up_to, start)
        self._counted_up_to = start
        return InstructionLines(self._content, start, span.end, self._line_number, self._escape)

    def skip_heredocs(self, heredocs: Iterable[Heredoc]) -> None:
        """Skip the bodies of heredocs, so that `iterate_spans` continues after them."""
        for heredoc in heredocs:
            if not heredoc.has_space or self._shift_count < MAX_SHIFTS:
                self._skip_heredoc(heredoc)

    def _skip_heredoc(self, heredoc: Heredoc) -> None:
        """Skip the body of one heredoc, up to its terminator.

        Without a terminator, the heredoc `<<word` extends to the end of the file. With a space, as in `<< word`, a
        missing terminator shows that this is not a heredoc but a shift such as `1 << 3`. For a shift, nothing is
        skipped.
        """
        content = self._content
        at = self._at
        while at < len(content):
            end = content.find(b"\n", at)
            end = len(content) if end < 0 else end
            line = content[at:end].rstrip(b"\r")
            at = end + 1
            if heredoc.is_terminator(line):
                self._at = min(at, len(content))
                return
        if heredoc.has_space:
            self._shift_count += 1
        else:
            self._at = len(content)

    def _read_directives(self) -> None:
        """Read the directives at the top of the file, which may set the escape character."""
        earlier_keys: set[bytes] = set()
        content = self._content
        start = self._at
        while (line := self._find_comment(start)) is not None:
            directive = DIRECTIVE_PATTERN.fullmatch(content, *line)
            key = directive[1].lower() if directive else b""
            if directive is None or key not in DIRECTIVE_KEYS:
                return
            if key not in earlier_keys:
                earlier_keys.add(key)
                if key == b"escape" and directive[2] in _ESCAPES:
                    self._escape = directive[2][0]
            start = content.find(b"\n", line[1]) + 1
            if not start:
                return

    def _find_comment(self, start: int) -> tuple[int, int] | None:
        """Return the start and end of a comment's text, or None if the line at offset `start` is not a comment."""
        end = self._content.find(b"\n", start)
        end = len(self._content) if end < 0 else end
        while end > start and self._content[end - 1] in b"\r":
            end -= 1
        mark = skip_space(self._content, start, end)
        if not self._content.startswith(b"#", mark, end):
            return None
        return skip_space(self._content, mark + 1, end), end


def skip_space(text: bytes, start: int, end: int) -> int:
    """Return the position of the first byte from `start` to `end` that is not a space, or `end` if there is none."""
    if start < end and text[start] in _NON_SPACE_BYTES:
        return start
    spaces = _LEADING_SPACES.match(text, start, end)
    return spaces.end() if spaces else start


def _find_text_end(text: bytes) -> int:
    end = len(text)
    while end > 0 and text[end - 1] not in _NON_SPACE_BYTES:
        spaces = _TRAILING_SPACES.search(text, max(0, end - 3), end)
        if spaces is None:
            break
        end = spaces.start()
    return end
