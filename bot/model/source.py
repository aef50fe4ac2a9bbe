"""Files, the image references in these files, and the bytes that edits may replace."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NewType

from bot.model.image_name import ImageName
from bot.model.vocabulary import Reason, Role

FilePath = NewType("FilePath", str)
"""A path in a tree, with `/` as separator and without a leading `/`."""


IGNORE_COMMENT_MARK = b"basebump:"
"""Every comment that excludes an image reference from updates contains this text (see `IgnoreComment`)."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file and its bytes."""

    path: FilePath
    content: bytes
    is_listed_in_config: bool = False
    """True if `files:` in the config assigns the file to the format that reads it, whatever its name is."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A byte range from `start` (inclusive) to `end` (exclusive). An empty range is a position for an insertion."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class EditSlot:
    """A byte range of a file that an edit may replace.

    The range contains the bytes `old`. An edit replaces them with `prefix`, followed by the new value. For example, to
    add a digest after `nginx:1.27`, the range and `old` are empty, and `prefix` is `@`.
    """

    span: Span
    old: bytes
    prefix: bytes = b""


@dataclass(frozen=True, slots=True)
class NotEditable:
    """The fact that basebump must not edit a tag or digest.

    The reason is in the content of the same file or of another file. For example, another bot may update the image.
    """

    reason: Reason
    slot: EditSlot | None = None
    """The bytes to edit if a rule in the config allows writing despite the reason; None if no rule can allow it."""
    is_certain: bool = True
    """True if the reason is known to apply. False if it may apply. The value is not written in either case."""
    further_reasons: tuple[Reason, ...] = ()
    """Further reasons, which a rule must also allow before the value is written."""


@dataclass(frozen=True, slots=True)
class IgnoreComment:
    """A comment `# basebump: ignore [until=DATE] [reason]` that applies to an image reference."""

    line_number: int
    until: date | None = None
    """The last day on which the comment applies; None if the comment does not expire."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """An image reference at a position in a file."""

    path: FilePath
    line_number: int
    """Number of the line in which the text of the reference starts, counted from 1."""
    format: str
    locator: str
    """The logical position in the file, such as `stage[0]` or `0/spec/containers/1/image`. It is unique in the file,
    and basebump's edits do not change it."""
    written: str
    """The text in the file, such as `${IMG}`."""
    image: ImageName
    """The reference after variables were resolved. Its spelling is that of the file."""
    role: Role
    digest_slot: EditSlot | NotEditable
    """The bytes of the digest, or the position at which a digest can be added."""
    tag_slot: EditSlot | NotEditable
    """The bytes of the tag, or the position at which a tag can be added."""
    platform: str | None = None
    """`os/architecture[/variant]`; None unless the file states the platform literally."""
    variables: tuple[str, ...] = ()
    """The build arguments or variables that determine the reference."""
    related_lines: tuple[int, ...] = ()
    """Other lines on which the surrounding construct starts or ends. An ignore comment on these lines also applies."""
    ignore_comment: IgnoreComment | None = None
    notes: tuple[str, ...] = ()
    """Sentences about other influences on the reference, such as another file that overrides an argument."""
    usages: tuple[tuple[FilePath, int], ...] = ()
    """Lines in other files that use this image, each as a path and a line number."""
    owners: tuple[str, ...] = ()
    """The owners of the file according to CODEOWNERS, such as `@acme/web`."""
    name_values: tuple[str, ...] = ()
    """The values of a Helm chart that contain the name, as dotted paths such as `image.repository`. The path of the
    registry is the second element if the registry is in another value. Empty if a single value is the reference."""


@dataclass(frozen=True, slots=True)
class UnsupportedText:
    """A text that cannot be parsed as an image reference, or a file that cannot be parsed. basebump never edits it."""

    path: FilePath
    line_number: int
    text: str
    reason: Reason
    variables: tuple[str, ...] = ()
    """The build arguments or variables that would determine the reference."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnreadText:
    """A text that looks like an image reference, but that no format reads. basebump never edits it."""

    path: FilePath
    line_number: int
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class ByteEdit:
    """An edit that replaces the bytes `old`, which are at `span`, with `new`."""

    span: Span
    old: bytes
    new: bytes


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file and its new content."""

    path: FilePath
    content: bytes
