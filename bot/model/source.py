"""Files, the image references in them, and the bytes that may be edited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NewType

from bot.model.reference import ImageReference
from bot.model.vocabulary import Reason, Role

FilePath = NewType("FilePath", str)
"""A path in a tree, with `/` as separator and without a leading `/`."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file and its bytes."""

    path: FilePath
    content: bytes


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A half-open byte range; an empty range is a position to insert at."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class EditSlot:
    """Bytes that an edit may replace: `span` contains `old` and is replaced by `prefix` and the new value."""

    span: Span
    old: bytes
    prefix: bytes = b""


@dataclass(frozen=True, slots=True)
class NotEditable:
    """A value that must not be written, because of the content of this file or another one."""

    reason: Reason
    slot: EditSlot | None = None
    """Where the value would be written if a rule in the config allows it despite the reason."""
    is_certain: bool = True
    """True if the reason is known to apply; False if that could not be determined, so that nothing is written."""
    further_reasons: tuple[Reason, ...] = ()
    """Reasons that a rule must allow in addition before the value is written."""


@dataclass(frozen=True, slots=True)
class IgnoreComment:
    """A comment `# basebump: ignore [until=DATE] [reason]` at an image reference."""

    line_number: int
    until: date | None = None
    """The last day on which the comment applies; None for no limit."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An image reference at a position in a file."""

    path: FilePath
    line_number: int
    """Line of the first byte of the reference's text, starting at 1."""
    format: str
    locator: str
    """Unique in the file, and the same before and after basebump's edits: `stage[0]`, `0/spec/containers/1/image`."""
    written: str
    """The source text: `${IMG}`."""
    reference: ImageReference
    """The reference after resolving variables, in the spelling of the user."""
    role: Role
    digest_slot: EditSlot | NotEditable
    """Where the digest is or would be written."""
    tag_slot: EditSlot | NotEditable
    """Where the tag is or would be written."""
    platform: str | None = None
    """`os/architecture[/variant]` if the file states it literally."""
    variables: tuple[str, ...] = ()
    """The build arguments or variables that determine the reference."""
    related_lines: tuple[int, ...] = ()
    """Other lines on which the surrounding construct starts or ends; an ignore comment there applies, too."""
    ignore_comment: IgnoreComment | None = None
    notes: tuple[str, ...] = ()
    """Sentences about other influences on the reference, such as a file that overrides an argument."""
    usages: tuple[tuple[FilePath, int], ...] = ()
    """Lines in other files that use this image, as (path, line number)."""


@dataclass(frozen=True, slots=True)
class UnsupportedText:
    """A text in place of an image reference, or a whole file, that basebump cannot parse and never edits."""

    path: FilePath
    line_number: int
    text: str
    reason: Reason
    variables: tuple[str, ...] = ()
    """The build arguments or variables that would determine the reference."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ByteEdit:
    """Replace the bytes of `span`, which contain `old`, by `new`."""

    span: Span
    old: bytes
    new: bytes


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file with its new content."""

    path: FilePath
    content: bytes
