"""Image references whose name, tag and digest are separate values of a YAML mapping, such as `{name: app, tag: "1"}`.

The slot of a tag or digest is the range of bytes that an edit replaces, or the position at which the edit inserts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from bot.core.references.locking import lock_reference
from bot.formats._syntax.reference_positions import ReferencePosition
from bot.formats._syntax.yaml.image_reader import is_set_by_flux
from bot.formats._syntax.yaml.nodes import NULL, YamlDocument, YamlScalar
from bot.formats._syntax.yaml.sections import SectionSource
from bot.model.image_name import ImageName, parse_sha256
from bot.model.source import EditSlot, NotEditable, Reference, Span, UnsupportedText
from bot.model.vocabulary import Reason

MAX_BEFORE = 1000
"""Limit on the bytes before a value on its line that are checked. These bytes contain an indentation and a key."""

_EMPTY_QUOTES = {'""', "''"}
_NULLS = {"null", "Null", "NULL", "~"}
_NOT_LITERAL = NotEditable(Reason.MALFORMED)
"""For a source that differs from the text because of escapes, folding or line breaks."""


def get_text_before(source: SectionSource, offset: int) -> bytes:
    """Return the bytes of the line before the file offset `offset`, at most the last MAX_BEFORE bytes."""
    at = offset - source.start
    begin = max(at - MAX_BEFORE, 0)
    line_break = source.raw.rfind(b"\n", begin, at)
    return source.raw[line_break + 1 if line_break >= 0 else begin : at]


class ReferencePart(NamedTuple):
    """A YAML scalar that contains one part of an image reference, such as the name or the tag."""

    document: YamlDocument
    scalar: YamlScalar
    text: str
    """The source value of the scalar, so that `1.10` stays `1.10`. The text is empty for a null."""

    @classmethod
    def create(cls, document: YamlDocument, scalar: YamlScalar) -> ReferencePart:
        return cls(document, scalar, "" if scalar.tag == NULL else scalar.text)

    @property
    def start(self) -> int | None:
        """The byte offset of `text` in the file, or None if the source of the scalar differs from `text`."""
        return self.document.find_literal_start(self.scalar)

    @property
    def line_number(self) -> int:
        start = self.start
        return self.document.source.get_line_number(self.document.get_start(self.scalar) if start is None else start)

    def make_slot(self, start: int, end: int, before: bytes = b"") -> EditSlot | NotEditable:
        """Return the slot (the byte range of an edit) for the characters from `start` to `end` of `text`.

        The result is not editable if the file does not contain `text` verbatim. Each character is one byte, because a
        reference is ASCII. An edit inserts `before` in front of the new value, such as `@` in front of a digest.
        """
        at = self.start
        if at is None:
            return _NOT_LITERAL
        return EditSlot(Span(at + start, at + end), self.text[start:end].encode(), before)

    def find_empty_slot(self) -> EditSlot | None:
        """Return the slot at which a value can be written into an empty scalar, or None if that is not possible.

        A value can be written between empty quotes, after the colon of a key without a value, or in place of a `null`.
        No value can be written if the scalar has an anchor or a tag. A value cannot replace a `null` in JSON, because
        it would need quotes there.
        """
        written = self.document.get_source_text(self.scalar)
        start, end = self.document.get_byte_range(self.scalar)
        if written[-2:] in _EMPTY_QUOTES and not self.scalar.value:
            return EditSlot(Span(end - 1, end - 1), b"")
        before = get_text_before(self.document.source, start)
        up_to_colon = before.rstrip(b" \t")
        if written in _NULLS and not up_to_colon.endswith(b'":'):
            return EditSlot(Span(start, end), written.encode())
        if written or not up_to_colon.endswith(b":"):
            return None
        at = start - len(before) + len(up_to_colon)
        return EditSlot(Span(at, at), b"", b" ")


class SplitReference(NamedTuple):
    """An image reference whose name, tag and digest may be separate values of a mapping."""

    name: ReferencePart
    registry: str = ""
    """The registry, if the name does not contain a registry."""
    tag: ReferencePart | None = None
    digest: ReferencePart | None = None

    @property
    def text(self) -> str:
        """The whole reference, such as `registry/name:tag@digest`."""
        text = f"{self.registry}/{self.name.text}" if self.registry else self.name.text
        if self.tag is not None and self.tag.text:
            text += ("@" if parse_sha256(self.tag.text) else ":") + self.tag.text
        if self.digest is not None and self.digest.text:
            text += f"@{self.digest.text}"
        return text

    def read(
        self,
        position: ReferencePosition,
        shared_ids: frozenset[int] = frozenset(),
        new_digest_slot: EditSlot | NotEditable | None = None,
    ) -> Reference | UnsupportedText:
        """Return the image reference that the parts form, or an `UnsupportedText` if it is not valid.

        Args:
            position: The file, line and locator of the reference.
            shared_ids: The ids of tags and digests that are not editable, because other images use the same scalar (see
                `find_shared_scalars`).
            new_digest_slot: The slot for a new digest, if it cannot be written into the scalar `digest`. If this is
                None, a new digest is appended to the last part.
        """
        found = position.read_reference(self.text, 0)
        if isinstance(found, UnsupportedText):
            return found
        slots = [self._find_digest_slot(found.image, new_digest_slot), self._find_tag_slot(found.image)]
        if any(slot == _NOT_LITERAL for _, slot in slots):
            return position.make_unsupported(
                self.name.document.get_source_text(self._last_part.scalar), Reason.MALFORMED
            )
        digest, tag = (_reject_shared(*each, shared_ids) for each in slots)
        found = replace(found, digest_slot=digest, tag_slot=tag)
        parts = (part for part in (self.name, self.tag, self.digest) if part is not None)
        if any(is_set_by_flux(part.document, part.scalar) for part in parts):
            return lock_reference(found, Reason.OTHER_WRITER)
        return found

    @property
    def _last_part(self) -> ReferencePart:
        """The last part that is not empty: the digest, the tag, or the name."""
        return next((part for part in (self.digest, self.tag) if part is not None and part.text), self.name)

    def _find_digest_slot(self, image: ImageName, new_digest_slot: EditSlot | NotEditable | None) -> _PartSlot:
        digest, last = image.digest, self._last_part
        end = len(last.text)
        if digest is not None:
            if parse_sha256(digest) is None or not last.text.endswith(digest):
                return None, NotEditable(Reason.UNSUPPORTED_DIGEST)
            return last, last.make_slot(end - len(digest), end)
        empty_slot = self.digest.find_empty_slot() if self.digest is not None else None
        if empty_slot is not None:
            return self.digest, empty_slot
        if new_digest_slot is not None:
            return None, new_digest_slot
        return (None, NotEditable(Reason.NO_TAG)) if image.tag is None else (last, last.make_slot(end, end, b"@"))

    def _find_tag_slot(self, image: ImageName) -> _PartSlot:
        tag = image.tag
        if tag is None:
            return None, NotEditable(Reason.NO_TAG)
        holder = self.tag if self.tag is not None and self.tag.text else self.name
        end = len(holder.text.partition("@")[0])
        return holder, holder.make_slot(end - len(tag), end)


_PartSlot = tuple[ReferencePart | None, EditSlot | NotEditable]
"""A slot, and the part that contains it."""


def _reject_shared(
    part: ReferencePart | None, slot: EditSlot | NotEditable, shared_ids: frozenset[int]
) -> EditSlot | NotEditable:
    if part is None or isinstance(slot, NotEditable):
        return slot
    is_shared = id(part.scalar.event) in shared_ids or part.document.is_shared(part.scalar)
    return NotEditable(Reason.CONFLICTING_EDITS) if is_shared else slot


def find_shared_scalars(images: Iterable[SplitReference]) -> frozenset[int]:
    """Return the ids of tags and digests that YAML aliases share between images with different names.

    An example is `tag: &version "1.27"` for one image and `tag: *version` for another. An edit of this tag would change
    both images, so the tag is not editable. The id is `id(scalar.event)`.
    """
    names: dict[int, set[str]] = defaultdict(set)
    for image in images:
        for part in (image.tag, image.digest):
            if part is not None:
                names[id(part.scalar.event)].add(f"{image.registry}/{image.name.text}")
    return frozenset(event for event, owners in names.items() if len(owners) > 1)
