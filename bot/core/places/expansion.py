"""Expansion of variables in image references, and the bytes where the parts of the expanded reference are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import assert_never

from bot.model.reference import ImageReference, parse_sha256
from bot.model.remark import EnvironmentVariable, InterpolatedText, LiteralText, VariableUse
from bot.model.source import EditSlot, FilePath, NotEditable, Span
from bot.model.vocabulary import Reason

MAX_PIECES = 100
"""Runs in one value, and missing variables named for it; values that use earlier ones could double with every line."""
MAX_LENGTH = 4096
"""Characters of one value; a reference has at most about a thousand."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of characters of an expanded text that come from one position in a file."""

    text: str
    span: Span | None
    """The bytes that contain the text; None if no bytes are equal to it."""
    holder: EnvironmentVariable | None
    """The assignment whose value contains the run; None for the expanded text itself and its defaults."""


@dataclass(frozen=True, slots=True)
class Used:
    """The characters of an expanded text that replaced a variable, by its value or default."""

    start: int
    end: int

    def moved(self, by: int) -> Used:
        return Used(self.start + by, self.end + by)


@dataclass(frozen=True, slots=True)
class Expanded:
    """A text with all variables replaced."""

    pieces: tuple[Piece, ...] = ()
    """Never empty runs."""
    uses: tuple[Used, ...] = ()
    """Variables of the text, and of the values and defaults in it."""
    missing: tuple[str, ...] = ()
    """Variables without a value; if there are any, the text cannot be expanded."""

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    @property
    def is_empty(self) -> bool:
        return not self.pieces and not self.missing


Values = Mapping[str, Expanded]
"""Expanded values by variable."""


def expand(text: InterpolatedText, values: Values, holder: EnvironmentVariable | None = None) -> Expanded:
    """Replace the variables of `text`, the value of `assignment`, as Docker Compose does (template/template.go)."""
    pieces: list[Piece] = []
    uses: list[Used] = []
    missing: dict[str, None] = {}
    length = 0
    for part in text:
        match part:
            case LiteralText("", _):
                continue
            case LiteralText(literal, span):
                pieces.append(Piece(literal, span, holder))
                length += len(literal)
            case VariableUse():
                inner = _replace(part, values, holder)
                missing |= dict.fromkeys(inner.missing)
                pieces += inner.pieces
                end = length + sum(len(piece.text) for piece in inner.pieces)
                uses += [Used(length, end), *(use.moved(length) for use in inner.uses)]
                length = end
            case _:
                assert_never(part)
        if max(len(pieces), len(uses)) > MAX_PIECES or length > MAX_LENGTH:
            used = (holder.variable,) if holder is not None else names_in(text)
            return Expanded(missing=tuple(islice(used, MAX_PIECES)))
    return Expanded(tuple(pieces), tuple(uses), tuple(islice(missing, MAX_PIECES)))


def names_in(text: InterpolatedText) -> Iterator[str]:
    """Yield each used variable of `text`, those in defaults included."""
    for part in text:
        if isinstance(part, VariableUse):
            yield part.variable
            yield from names_in(part.operand)


def _replace(use: VariableUse, values: Values, holder: EnvironmentVariable | None) -> Expanded:
    value = values.get(use.variable)
    is_set = value is not None and (not use.operator.startswith(":") or not value.is_empty)
    match use.operator[-1:]:
        case "+":
            return expand(use.operand, values, holder) if is_set else Expanded()
        case "-" if not is_set:
            return expand(use.operand, values, holder)
        case _ if value is None or not is_set:
            return Expanded(missing=(use.variable,))
        case _:
            return value


@dataclass(frozen=True, slots=True)
class Written:
    """The bytes of a reference that results from an expanded text."""

    path: FilePath
    """The file with the text."""
    expanded: Expanded
    reference: ImageReference

    @property
    def holder(self) -> EnvironmentVariable | None:
        """The assignment whose value has the end of the reference; None if the text itself has it."""
        return self.expanded.pieces[-1].holder

    @property
    def digest(self) -> EditSlot | NotEditable:
        """The slot of the digest: its bytes, or the position after the end of the reference.

        It is not editable if a variable before the end affects the tag, because the digest would stay the same when a
        user overrides that variable.
        """
        digest = self.reference.digest
        length = len(self.expanded.text)
        if digest is None:
            return NotEditable(Reason.COMPOSED_TAG) if self._would_freeze(length) else self._slot(length, length, b"@")
        if parse_sha256(digest) is None:
            return NotEditable(Reason.UNSUPPORTED_DIGEST)
        return self._slot(length - len(digest), length)

    @property
    def tag(self) -> EditSlot | NotEditable:
        """The slot of the tag, in the same file as that of the digest."""
        start = len(self.reference.name)
        end = start + len(f":{self.reference.tag}" if self.reference.tag else "")
        if any(use.start == use.end and start <= use.start <= end for use in self.expanded.uses):
            return NotEditable(Reason.COMPOSED_TAG)
        return self._slot(start + 1, end) if self.reference.tag else self._slot(start, end, b":")

    def _would_freeze(self, length: int) -> bool:
        """Return True if a variable affects the tag, and its value does not contain the end of the reference."""
        name_end = len(self.reference.name)
        return any(
            use.start == use.end == length if use.end == length else use.end > name_end for use in self.expanded.uses
        )

    def _slot(self, start: int, end: int, before: bytes = b"") -> EditSlot | NotEditable:
        """Return the slot of a range of characters if it is in one run, in the file with the end of the reference."""
        at = 0
        for piece in self.expanded.pieces:
            length = len(piece.text)
            if at <= start and at < end <= at + length:
                if piece.span is None or self._path_of(piece.holder) != self._path_of(self.holder):
                    break
                first = piece.span.start + start - at
                old = piece.text[start - at : end - at].encode()
                return EditSlot(Span(first, first + len(old)), old, before)
            at += length
        return NotEditable(Reason.COMPOSED_TAG)

    def _path_of(self, holder: EnvironmentVariable | None) -> FilePath:
        return holder.path if holder is not None else self.path
