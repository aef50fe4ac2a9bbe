"""Convert texts in files to a `reference` or an `UnsupportedText`, for all formats."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

from bot.model.errors import InvalidReferenceError
from bot.model.image_name import ImageName, parse_sha256
from bot.model.source import EditSlot, FilePath, NotEditable, Reference, Span, UnsupportedText
from bot.model.vocabulary import Reason, Role

MAX_SHOWN_TEXT = 200
"""The number of characters of an unsupported text that are kept. No real reference is longer, and a table has room for
this many."""

MAX_LOCATOR = 500
"""Limit on the characters of a locator that consists of names in the file. Real locators have fewer than a hundred."""

_SPACES = re.compile(r"\s+")

TEMPLATE_MARKS = re.compile(r"\{|\$|%|<<")
"""Characters that template languages use and that no reference contains."""
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.ASCII)


def format_for_display(text: str) -> str:
    """Return `text` on one line, cut to MAX_SHOWN_TEXT characters, with unprintable characters replaced."""
    line = _SPACES.sub(" ", text[: 2 * MAX_SHOWN_TEXT])
    if not line.isprintable():
        line = "".join(character if character.isprintable() else "\ufffd" for character in line)
    return line if len(line) <= MAX_SHOWN_TEXT else line[: MAX_SHOWN_TEXT - 1] + "…"


def extend_locator(locator: str, step: str) -> str:
    """Return `locator` followed by `step`, cut to MAX_LOCATOR characters.

    Make the result unique with `UniqueLocators`. Without the limit, a name of megabytes would be copied into the
    locators of all references below it.
    """
    return (locator + step[:MAX_LOCATOR])[:MAX_LOCATOR]


class UniqueLocators:
    """Makes locators unique in one file by appending numbers: `image`, `image#1`, `image#2`."""

    def __init__(self, separator: str = "#") -> None:
        self._separator = separator
        self._counts: dict[str, int] = {}

    def make_unique(self, locator: str) -> str:
        """Return `locator` unchanged at its first use, and with a number such as `#1` at every later use.

        A number is skipped if a key in the file already ends with this number.
        """
        unique = locator
        while unique in self._counts:
            unique = f"{locator}{self._separator}{self._counts[locator]}"
            self._counts[locator] += 1
        self._counts[unique] = 1
        return unique


class ReferencePosition(NamedTuple):
    """The place in a file at which an image reference is expected: its path, line, locator and so on."""

    path: FilePath
    format: str
    role: Role
    line_number: int
    locator: str
    platform: str | None = None
    related_lines: tuple[int, ...] = ()

    def read_reference(self, text: str, start: int) -> Reference | UnsupportedText:
        """Parse `text`. Return the image reference as a `reference`, or an `UnsupportedText` if it is not valid.

        `start` is the byte offset of `text` in the file. From this offset, the method computes the slots of the tag and
        the digest (the byte ranges of edits).
        """
        try:
            image = ImageName.parse(text)
        except InvalidReferenceError:
            return self.make_unsupported(text, Reason.MALFORMED)
        return Reference(
            path=self.path,
            line_number=self.line_number,
            format=self.format,
            locator=self.locator,
            written=text,
            image=image,
            role=self.role,
            digest_slot=_make_digest_slot(image, start),
            tag_slot=_make_tag_slot(image, start),
            platform=self.platform,
            related_lines=self.related_lines,
        )

    def make_not_editable(self, text: str, reason: Reason) -> Reference:
        """Return a `reference` that contains `text` unparsed and is not editable for the given reason.

        Use this method for texts that do not name an image in a registry, such as `ko://example.com/app`.
        """
        not_editable = NotEditable(reason)
        reference = ImageName(text[:MAX_SHOWN_TEXT], None, None)
        return Reference(
            path=self.path,
            line_number=self.line_number,
            format=self.format,
            locator=self.locator,
            written=text[:MAX_SHOWN_TEXT],
            image=reference,
            role=self.role,
            digest_slot=not_editable,
            tag_slot=not_editable,
            platform=self.platform,
            related_lines=self.related_lines,
        )

    def make_unsupported(self, text: str, reason: Reason) -> UnsupportedText:
        return UnsupportedText(self.path, self.line_number, format_for_display(text), reason)


def forbid_tag_with_digest(reference: Reference) -> Reference:
    """Lock the slots of `reference`, so that no edit combines a tag with a digest.

    Only the digest of a reference without a tag remains editable.
    """
    not_editable = NotEditable(Reason.TAG_OR_DIGEST)
    digest_slot = not_editable if reference.image.tag else reference.digest_slot
    return replace(reference, digest_slot=digest_slot, tag_slot=not_editable)


def _make_digest_slot(image: ImageName, start: int) -> EditSlot | NotEditable:
    """Return the slot of the reference's digest, or the slot for a new digest if the reference has none.

    A slot is the byte range that an edit replaces, or the position at which it inserts. `start` is the byte offset of
    the reference in the file. A digest that is not sha256 is not editable.
    """
    digest = image.digest
    end = start + len(str(image))
    if digest is None:
        return EditSlot(Span(end, end), b"", prefix=b"@")
    if parse_sha256(digest) is None:
        return NotEditable(Reason.UNSUPPORTED_DIGEST)
    return EditSlot(Span(end - len(digest), end), digest.encode())


def _make_tag_slot(image: ImageName, start: int) -> EditSlot:
    """Return the slot of the reference's tag, or the slot for a new tag if the reference has none.

    A slot is the byte range that an edit replaces, or the position at which it inserts. `start` is the byte offset of
    the reference in the file.
    """
    end = start + len(image.name)
    if image.tag is None:
        return EditSlot(Span(end, end), b"", prefix=b":")
    return EditSlot(Span(end + 1, end + 1 + len(image.tag)), image.tag.encode())
