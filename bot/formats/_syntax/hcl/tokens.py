"""Split HCL into tokens like hclsyntax/scan_tokens.rl of hashicorp/hcl. Strings have byte offsets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sized
from dataclasses import dataclass
from typing import NamedTuple, assert_never

from bot.formats._syntax.broken import BrokenAtError
from bot.formats._syntax.encoding import find_text_start
from bot.model.vocabulary import Reason

MAX_NESTING = 100
"""Limit on nested blocks, objects and tuples, and on nested braces and quotes in interpolations. Terraform's own
modules nest about ten."""

MAX_TOKENS = 500_000
"""Limit on the tokens of one file, and on the parts and lines of one string. Even the largest modules have fewer
tokens. Reading MAX_TOKENS tokens takes about a second."""

END = "end"
IDENTIFIER = "identifier"
NEWLINE = "newline"
NUMBER = "number"
TEMPLATE = "template"

_NAME = rb"[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff-]*"
_TOKEN = re.compile(
    rb"""
      (?P<space>[ \t\r]+)
    | (?P<newline>\n)
    | (?P<comment>\#[^\n]*|//[^\n]*)
    | (?P<block_comment>/\*)
    | (?P<heredoc><<(?P<flush>-?)(?P<marker>%b)\r?\n)
    | (?P<identifier>%b)
    | (?P<string>"(?P<plain>[^"\\$%%\r\n]*)")
    | (?P<quote>")
    | (?P<number>[0-9][0-9A-Za-z.]*)
    | (?P<symbol>[=!<>]=|=>|&&|\|\||::|\.\.\.|.)
    """
    % (_NAME, _NAME),
    re.VERBOSE | re.DOTALL,
)
_IN_QUOTES = re.compile(rb'\\[^\r\n]|(?:\$\$|%%)\{|[$%]\{|["\r\n]')
_IN_HEREDOC = re.compile(rb"(?:\$\$|%%)\{|[$%]\{|\n")
_IN_BRACES = re.compile(rb'["{}]|#[^\n]*|//[^\n]*|/\*')
_BETWEEN_TOKENS = frozenset({"space", "comment"})
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b'"': b'"', b"\\": b"\\"}
_UNICODE_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))")
_LAST_CODE_POINT = 0x10FFFF
_INTERPOLATION_OPENERS = (b"${", b"%{")


@dataclass(frozen=True, slots=True)
class HclLiteral:
    """A part of a string without interpolations: literal text, or the character that an escape represents."""

    value: bytes
    start: int | None
    """The byte offset at which `value` is in the file literally, or None for an escape."""


@dataclass(frozen=True, slots=True)
class HclInterpolation:
    """A part `${…}` or `%{…}` of a string."""

    start: int
    end: int
    expression: bytes
    """The source text between the braces, without the space around it."""


@dataclass(frozen=True, slots=True)
class HclTemplate:
    """A string, in quotes or as a heredoc.

    HCL calls a string a template, because a string may contain interpolations.
    """

    start: int
    """The byte offset of the opening quote, or of `<<`."""
    end: int
    parts: tuple[HclLiteral | HclInterpolation, ...]
    """Literals and interpolations. A heredoc has at least one part for each line, without the indentation that `<<-`
    removes."""

    @property
    def value(self) -> bytes | None:
        """The text of the string, or None if the string contains an interpolation."""
        literals = [part.value for part in self.parts if isinstance(part, HclLiteral)]
        return b"".join(literals) if len(literals) == len(self.parts) else None

    @property
    def value_start(self) -> int | None:
        """The byte offset of `value` in the file, or None if the file does not contain it verbatim."""
        match self.parts:
            case (HclLiteral(_, start),):
                return start
            case _:
                return None


class HclToken(NamedTuple):
    """A token of an HCL file. Spaces and comments are not tokens.

    A token is a tuple, because a large file has tens of thousands of tokens.
    """

    kind: str
    """IDENTIFIER, NUMBER, NEWLINE, TEMPLATE, END, or the symbol itself."""
    start: int
    end: int
    template: HclTemplate | None = None


def read_tokens(content: bytes) -> Iterator[HclToken]:
    """Yield the tokens of a file. The last token has the kind END.

    Raises BrokenAtError if a string, heredoc or comment is not closed, if an escape is not valid, or if the file
    exceeds a limit.
    """
    at = find_text_start(content)
    token_count = 0
    while match := _TOKEN.match(content, at):
        at = match.end()
        if match.lastgroup in _BETWEEN_TOKENS:
            continue
        token_count += 1
        if token_count > MAX_TOKENS:
            raise BrokenAtError(match.start(), Reason.TOO_LARGE)
        match match.lastgroup:
            case "block_comment":
                at = _skip_comment(content, match.start())
            case "heredoc":
                heredoc = _read_heredoc(content, match)
                at = heredoc.end
                token_count += len(heredoc.parts)
                yield HclToken(TEMPLATE, heredoc.start, heredoc.end, heredoc)
            case "string":
                plain = HclTemplate(match.start(), at, (HclLiteral(match["plain"], match.start("plain")),))
                yield HclToken(TEMPLATE, plain.start, at, plain)
            case "quote":
                quoted = _read_quoted(content, match.start())
                at = quoted.end
                token_count += len(quoted.parts)
                yield HclToken(TEMPLATE, quoted.start, at, quoted)
            case "symbol":
                yield HclToken(match[0].decode(errors="replace"), match.start(), at)
            case kind:
                yield HclToken(str(kind), match.start(), at)
    yield HclToken(END, at, at)


def _skip_comment(content: bytes, start: int) -> int:
    end = content.find(b"*/", start + 2)
    if end < 0:
        raise BrokenAtError(start)
    return end + 2


def _read_quoted(content: bytes, start: int) -> HclTemplate:
    """Read the string whose opening quote is at `start`."""
    parts: list[HclLiteral | HclInterpolation] = []
    at = start + 1
    while match := _IN_QUOTES.search(content, at):
        _check_count(parts, start)
        stop = match[0]
        if match.start() > at or (stop == b'"' and not parts):
            parts.append(HclLiteral(content[at : match.start()], at))
        at = match.end()
        if stop == b'"':
            return HclTemplate(start, at, tuple(parts))
        if stop in b"\r\n":
            break
        if stop in _INTERPOLATION_OPENERS:
            at = _find_interpolation_end(content, match.start())
            parts.append(_make_interpolation(content, match.start(), at))
        elif stop.startswith(b"\\"):
            value, at = _decode_escape(content, match.start())
            parts.append(HclLiteral(value, None))
        else:
            parts.append(HclLiteral(stop[1:], None))
    raise BrokenAtError(start)


def _check_count(parts: Sized, start: int) -> None:
    """Raise BrokenAtError if a string that starts at `start` has too many parts or lines."""
    if len(parts) > MAX_TOKENS:
        raise BrokenAtError(start, Reason.TOO_LARGE)


def _decode_escape(content: bytes, start: int) -> tuple[bytes, int]:
    """Return the bytes that the escape at `start` represents, and the position after the escape."""
    unicode = _UNICODE_ESCAPE.match(content, start)
    if unicode is not None:
        code_point = int(unicode[1] or unicode[2], 16)
        if code_point > _LAST_CODE_POINT:
            raise BrokenAtError(start)
        return chr(code_point).encode(errors="replace"), unicode.end()
    value = _ESCAPES.get(content[start + 1 : start + 2])
    if value is None:
        raise BrokenAtError(start)
    return value, start + 2


def _read_heredoc(content: bytes, introducer: re.Match[bytes]) -> HclTemplate:
    """Read the heredoc whose first line (`<<EOF` or `<<-EOF`) is the match `introducer`."""
    lines: list[list[HclLiteral | HclInterpolation]] = []
    at = introducer.end()
    while (line_end := content.find(b"\n", at)) >= 0 or at < len(content):
        line_end = line_end if line_end >= 0 else len(content)
        if content[at:line_end].strip() == introducer["marker"]:
            parts = [part for line in (_remove_indentation(lines) if introducer["flush"] else lines) for part in line]
            return HclTemplate(introducer.start(), line_end, tuple(parts))
        line, at = _read_heredoc_line(content, at)
        lines.append(line)
        _check_count(lines, introducer.start())
    raise BrokenAtError(introducer.start())


def read_template(text: bytes, start: int | None) -> tuple[HclLiteral | HclInterpolation, ...]:
    """Split the value of a string in HCL's JSON syntax into literals and interpolations.

    Raises BrokenAtError if an interpolation is not closed, or if `text` exceeds a limit.

    `text` is the value without quotes and JSON escapes. `start` is the byte offset of `text` in the file, or None if
    the file does not contain it verbatim.
    """
    parts: list[HclLiteral | HclInterpolation] = []
    at = 0
    while at < len(text):
        line, at = _read_heredoc_line(text, at)
        parts += line
        _check_count(parts, 0)
    return tuple(_shift_part(part, start) for part in parts)


def _shift_part(part: HclLiteral | HclInterpolation, shift: int | None) -> HclLiteral | HclInterpolation:
    match part:
        case HclLiteral(value, start):
            return HclLiteral(value, None if start is None or shift is None else start + shift)
        case HclInterpolation(start, end, expression):
            return HclInterpolation(start + (shift or 0), end + (shift or 0), expression)
        case _:
            assert_never(part)


def _read_heredoc_line(content: bytes, start: int) -> tuple[list[HclLiteral | HclInterpolation], int]:
    """Read the line of a heredoc that starts at `start`. Return its parts, and the start of the next line.

    The parts include the line break. If the line contains an interpolation that ends on a later line, the result
    extends to the end of that later line.
    """
    parts: list[HclLiteral | HclInterpolation] = []
    at = start
    while match := _IN_HEREDOC.search(content, at):
        _check_count(parts, start)
        stop = match[0]
        end = match.end() if stop == b"\n" else match.start()
        if end > at:
            parts.append(HclLiteral(content[at:end], at))
        at = match.end()
        if stop == b"\n":
            return parts, at
        if stop in _INTERPOLATION_OPENERS:
            at = _find_interpolation_end(content, match.start())
            parts.append(_make_interpolation(content, match.start(), at))
        else:
            parts.append(HclLiteral(stop[1:], None))
    if at < len(content):
        parts.append(HclLiteral(content[at:], at))
    return parts, len(content)


def _remove_indentation(lines: list[list[HclLiteral | HclInterpolation]]) -> list[list[HclLiteral | HclInterpolation]]:
    """Remove the indentation that all lines of a heredoc have in common. Blank lines are ignored.

    This follows flushHeredocTemplateParts in parser_template.go.
    """
    indents = [_measure_indent(line[0]) for line in lines if not _is_blank(line)]
    indent = min(indents, default=0)
    return [line if _is_blank(line) else [*_cut_indent(line[0], indent), *line[1:]] for line in lines]


def _is_blank(line: list[HclLiteral | HclInterpolation]) -> bool:
    return len(line) == 1 and isinstance(line[0], HclLiteral) and not line[0].value.strip()


def _measure_indent(part: HclLiteral | HclInterpolation) -> int:
    return len(part.value) - len(part.value.lstrip()) if isinstance(part, HclLiteral) else 0


def _cut_indent(part: HclLiteral | HclInterpolation, indent: int) -> list[HclLiteral | HclInterpolation]:
    if not isinstance(part, HclLiteral) or part.start is None or not indent:
        return [part]
    rest = HclLiteral(part.value[indent:], part.start + indent)
    return [rest] if rest.value else []


def _make_interpolation(content: bytes, start: int, end: int) -> HclInterpolation:
    return HclInterpolation(start, end, content[start + 2 : end - 1].strip(b"~ \t\r\n"))


def _find_interpolation_end(content: bytes, start: int) -> int:
    """Return the end of the `${…}` or `%{…}` that starts at `start`.

    The expression inside the braces may contain strings, which may in turn contain interpolations.
    """
    enclosing = [_IN_BRACES]
    at = start + 2
    while match := enclosing[-1].search(content, at):
        stop = match[0]
        at = match.end()
        if stop == b'"' and enclosing[-1] is _IN_QUOTES:
            enclosing.pop()
        elif stop == b'"':
            enclosing.append(_IN_QUOTES)
        elif stop == b"{" or stop in _INTERPOLATION_OPENERS:
            enclosing.append(_IN_BRACES)
        elif stop == b"}":
            enclosing.pop()
            if not enclosing:
                return at
        elif stop == b"/*":
            at = _skip_comment(content, match.start())
        elif stop in b"\r\n":
            break
        if len(enclosing) > MAX_NESTING:
            raise BrokenAtError(match.start(), Reason.TOO_LARGE)
    raise BrokenAtError(start)
