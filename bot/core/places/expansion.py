"""What a text with variables comes to, and in which bytes the parts of the reference that it makes stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import assert_never

from bot.model.reference import ImageReference, parse_sha256
from bot.model.remark import EnvironmentVariable, Literal, Text, VariableUse
from bot.model.source import Closed, FilePath, Slot, Span
from bot.model.vocabulary import Reason

MAX_PIECES = 100
"""Of one value, and variables without one that are named for it; with every line of a file it could double."""
MAX_LENGTH = 4096
"""Characters of one value: a reference has at most a thousand."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of characters of an expanded text."""

    text: str
    span: Span | None
    """The bytes where it stands; None where it stands nowhere as it is."""
    holder: EnvironmentVariable | None
    """The variable in whose value it stands; None for the text that is expanded, and the defaults in it."""


@dataclass(frozen=True, slots=True)
class Used:
    """The characters of an expanded text that a variable, or its default, has become."""

    start: int
    end: int

    def moved(self, by: int) -> Used:
        return Used(self.start + by, self.end + by)


@dataclass(frozen=True, slots=True)
class Expanded:
    """What a text comes to."""

    pieces: tuple[Piece, ...] = ()
    """None of them is empty."""
    uses: tuple[Used, ...] = ()
    """Of the text, and of the values and defaults in it."""
    missing: tuple[str, ...] = ()
    """Variables without a value; without them it comes to nothing."""

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    @property
    def is_empty(self) -> bool:
        return not self.pieces and not self.missing


Values = Mapping[str, Expanded]
"""By variable: its value."""


def expand(text: Text, values: Values, holder: EnvironmentVariable | None = None) -> Expanded:
    """Replace the variables of `text`, which is the value of `holder`, as compose does (template/template.go)."""
    pieces: list[Piece] = []
    uses: list[Used] = []
    missing: dict[str, None] = {}
    length = 0
    for part in text:
        match part:
            case Literal("", _):
                continue
            case Literal(literal, span):
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


def names_in(text: Text) -> Iterator[str]:
    """Yield the variable of every use in `text`, those in defaults included."""
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
    """Where a reference stands that an expanded text is."""

    path: FilePath
    """Of the text."""
    expanded: Expanded
    reference: ImageReference

    @property
    def holder(self) -> EnvironmentVariable | None:
        """The variable whose value it ends in; None where it ends in the text itself."""
        return self.expanded.pieces[-1].holder

    @property
    def digest(self) -> Slot | Closed:
        """Where its digest stands, or would go: behind the text that ends the reference.

        None is put where it would stay when somebody overrides a variable that the tag depends on.
        """
        digest = self.reference.digest
        length = len(self.expanded.text)
        if digest is None:
            return Closed(Reason.COMPOSED_TAG) if self._would_freeze(length) else self._slot(length, length, b"@")
        if parse_sha256(digest) is None:
            return Closed(Reason.UNSUPPORTED_DIGEST)
        return self._slot(length - len(digest), length)

    @property
    def tag(self) -> Slot | Closed:
        """Where its tag stands, or would go, in the file that its digest is in."""
        start = len(self.reference.name)
        end = start + len(f":{self.reference.tag}" if self.reference.tag else "")
        if any(use.start == use.end and start <= use.start <= end for use in self.expanded.uses):
            return Closed(Reason.COMPOSED_TAG)
        return self._slot(start + 1, end) if self.reference.tag else self._slot(start, end, b":")

    def _would_freeze(self, length: int) -> bool:
        """Say whether a variable bears on the tag that does not itself hold the end of the reference."""
        name_end = len(self.reference.name)
        return any(
            use.start == use.end == length if use.end == length else use.end > name_end for use in self.expanded.uses
        )

    def _slot(self, start: int, end: int, before: bytes = b"") -> Slot | Closed:
        """Return where the characters from `start` to `end` stand, if that is one piece in the file it ends in."""
        at = 0
        for piece in self.expanded.pieces:
            length = len(piece.text)
            if at <= start and at < end <= at + length:
                if piece.span is None or self._path_of(piece.holder) != self._path_of(self.holder):
                    break
                first = piece.span.start + start - at
                old = piece.text[start - at : end - at].encode()
                return Slot(Span(first, first + len(old)), old, before)
            at += length
        return Closed(Reason.COMPOSED_TAG)

    def _path_of(self, holder: EnvironmentVariable | None) -> FilePath:
        return holder.path if holder is not None else self.path
