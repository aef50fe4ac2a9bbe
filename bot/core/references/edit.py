"""Byte edits, and the check that they make the planned changes and no others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from bot.model.decision import UpdateCandidate
from bot.model.errors import EditError
from bot.model.image_name import Digest, ImageName
from bot.model.source import ByteEdit, EditSlot, FilePath, Reference, Span, UnsupportedText

ReferenceKey = tuple[FilePath, str, str]

_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


def get_reference_key(reference: Reference) -> ReferenceKey:
    """Return the key by which an image reference is found again after an edit: its path, format and locator."""
    return reference.path, reference.format, reference.locator


def build_edit(slot: EditSlot, value: str) -> ByteEdit:
    """Return the edit that writes `value` (a digest or a tag) into `slot`."""
    return ByteEdit(slot.span, slot.old, slot.prefix + value.encode())


def list_edits(reference: Reference, candidate: UpdateCandidate) -> Iterator[ByteEdit]:
    """Yield the edits that write the digest of `candidate` into the file, and its tag if the update changes the tag.

    There is no edit for a digest or tag that is not editable (`NotEditable`).
    """
    digest = reference.digest_slot if isinstance(reference.digest_slot, EditSlot) else None
    tag = reference.tag_slot if isinstance(reference.tag_slot, EditSlot) and candidate.tag is not None else None
    edits = [
        build_edit(slot, value)
        for slot, value in ((tag, candidate.tag or ""), (digest, candidate.digest))
        if slot is not None
    ]
    match edits:
        case [first, second] if first.span.end == second.span.start:  # the digest is inserted directly after the tag
            yield ByteEdit(Span(first.span.start, second.span.end), first.old + second.old, first.new + second.new)
        case _:
            yield from edits


def is_misread_as_number(content: bytes, reference: Reference, candidate: UpdateCandidate) -> bool:
    """Return True if the file's parser would read the new tag as a number, and so change it.

    For example, YAML reads `tag: 1.20` as the number 1.2. A tag in quotes is not read as a number.
    """
    if not isinstance(reference.tag_slot, EditSlot) or candidate.tag is None or not _NUMBER.fullmatch(candidate.tag):
        return False
    before, after = content[: reference.tag_slot.span.start][-1:], content[reference.tag_slot.span.end :][:1]
    return not before.strip() and not after.strip() and f"{float(candidate.tag):g}" != candidate.tag


def apply_edits(content: bytes, edits: Iterable[ByteEdit]) -> bytes:
    """Return `content` with all `edits` applied. An edit that is listed several times is applied once.

    Raises EditError if two different edits overlap, if an insertion is directly next to another edit, or if `content`
    no longer contains the bytes that an edit replaces.
    """
    pieces: list[bytes] = []
    copied = 0
    last: ByteEdit | None = None
    for edit in sorted(set(edits), key=lambda each: (each.span, each.new)):
        start, end = edit.span.start, edit.span.end
        if last is not None and _is_touching(last, edit):
            raise EditError(f"two updates conflict: their edits overlap or meet at byte {start}")
        if not 0 <= start <= end <= len(content) or content[start:end] != edit.old:
            raise EditError(f"the file changed after it was read: {edit.old!r} is no longer at byte {start}")
        pieces += [content[copied:start], edit.new]
        copied, last = end, edit
    return b"".join([*pieces, content[copied:]])


def _is_touching(first: ByteEdit, second: ByteEdit) -> bool:
    """Return True if two different edits overlap, or if one of them is an insertion directly next to the other.

    `first` must not start after `second`.
    """
    if second.span.start < first.span.end:
        return True
    is_insertion = first.span.start == first.span.end or second.span.start == second.span.end
    return is_insertion and second.span.start == first.span.end


def has_only_planned_changes(
    old_references: Iterable[Reference | UnsupportedText],
    new_references: Iterable[Reference | UnsupportedText],
    planned_digests: Mapping[ReferenceKey, Digest],
    planned_tags: Mapping[ReferenceKey, str] = MappingProxyType({}),
) -> bool:
    """Return True if an edit changed exactly the planned digests and tags of the references in a file.

    `old_references` were extracted before the edit, and `new_references` after it. `planned_digests` and `planned_tags`
    map each reference's key (see `get_reference_key`) to its new digest or tag.
    """
    expected = _index_references(old_references)
    for identity, digest in planned_digests.items():
        reference = expected.get(identity)
        if not isinstance(reference, ImageName):
            return False
        expected[identity] = replace(reference, digest=digest, tag=planned_tags.get(identity, reference.tag))
    return expected == _index_references(new_references)


def _index_references(items: Iterable[Reference | UnsupportedText]) -> dict[object, ImageName | int]:
    """Return the references by key, so that the references before and after an edit can be compared with `==`.

    An `UnsupportedText` cannot be identified across an edit, because its line may change. The result therefore maps the
    file, text and reason of each `UnsupportedText` to the number of times that they occur.
    """
    references: dict[object, ImageName | int] = {}
    texts: Counter[object] = Counter()
    for item in items:
        match item:
            case Reference():
                references[get_reference_key(item)] = item.image
            case UnsupportedText():
                texts[item.path, item.text, item.reason] += 1
    return {**references, **texts}
