"""Files, the places in them where an image is written, and the bytes that may be changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NewType

from bot.model.reference import ImageReference
from bot.model.vocabulary import Reason, Role

FilePath = NewType("FilePath", str)
"""A path inside a tree, with `/`, never starting with one."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file as its bytes."""

    path: FilePath
    content: bytes


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open range of bytes; an empty one is a place to insert at."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Slot:
    """Bytes that a value may be written into: `span`, which holds `old`, becomes `before` and the value."""

    span: Span
    old: bytes
    before: bytes = b""


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing may be written here, because of what the file, or another one, says."""

    reason: Reason
    slot: Slot | None = None
    """Where it would be written all the same, by a rule that allows what the reason warns of."""
    is_certain: bool = True
    """Whether the reason holds; False where that could not be learnt, so that nothing is written until it is."""
    also: tuple[Reason, ...] = ()
    """What else a rule has to allow before anything is written."""


@dataclass(frozen=True, slots=True)
class IgnoreComment:
    """A person's `# basebump: ignore [until=DATE] [reason]` at a place."""

    line_number: int
    until: date | None = None
    """The last day on which it holds; None for all of them."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A reference at a place."""

    path: FilePath
    line_number: int
    """Of the first byte of the reference's text, from 1."""
    format: str
    locator: str
    """Unique in its file, and the same before and after our own edits: `stage[0]`, `0/spec/containers/1/image`."""
    written: str
    """The source text: `${IMG}`."""
    reference: ImageReference
    """What it means, in the user's spelling."""
    role: Role
    digest: Slot | Closed
    """Where its digest stands or would go."""
    tag: Slot | Closed
    """Where its tag stands or would go."""
    platform: str | None = None
    """`os/architecture[/variant]` when the place says so literally."""
    variables: tuple[str, ...] = ()
    """The build arguments or variables that decide what it means."""
    also_lines: tuple[int, ...] = ()
    """Other lines where what it is part of begins or ends; an ignore comment there is about it."""
    comment: IgnoreComment | None = None
    notes: tuple[str, ...] = ()
    """Sentences on what else bears on it: who overrides an argument."""
    used_at: tuple[tuple[FilePath, int], ...] = ()
    """Lines of other files, where the image is written that ends here."""


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A text where a reference would stand, or a whole file, that basebump cannot read; it is never touched."""

    path: FilePath
    line_number: int
    text: str
    reason: Reason
    variables: tuple[str, ...] = ()
    """The build arguments or variables that would decide what it means."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the bytes of `span`, which are `old`, by `new`."""

    span: Span
    old: bytes
    new: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """One file as it will be."""

    path: FilePath
    content: bytes
