"""Bytes: make edits, and prove that they did what was planned and nothing else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from bot.model.decision import Candidate
from bot.model.errors import EditError
from bot.model.reference import Digest, ImageReference
from bot.model.source import Edit, FilePath, Occurrence, Slot, Span, Unsupported

Identity = tuple[FilePath, str, str]

_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


def identity(occurrence: Occurrence) -> Identity:
    """Return what an occurrence is known by, whatever the edits: its path, its format and its locator."""
    return occurrence.path, occurrence.format, occurrence.locator


def write(slot: Slot, value: str) -> Edit:
    """Return the edit that puts a digest or a tag into its `slot`."""
    return Edit(slot.span, slot.old, slot.before + value.encode())


def edits_for(place: Occurrence, chosen: Candidate) -> Iterator[Edit]:
    """Yield what has to be written at a place for what it moves to: the digest, and the tag where that is another."""
    digest = place.digest if isinstance(place.digest, Slot) else None
    tag = place.tag if isinstance(place.tag, Slot) and chosen.tag is not None else None
    edits = [
        write(slot, value) for slot, value in ((tag, chosen.tag or ""), (digest, chosen.digest)) if slot is not None
    ]
    match edits:
        case [first, second] if first.span.end == second.span.start:  # a digest is inserted right behind the tag
            yield Edit(Span(first.span.start, second.span.end), first.old + second.old, first.new + second.new)
        case _:
            yield from edits


def is_misread(content: bytes, place: Occurrence, chosen: Candidate) -> bool:
    """Say whether the new tag would stand alone where YAML takes it for a number that is written otherwise: `1.20`."""
    if not isinstance(place.tag, Slot) or chosen.tag is None or not _NUMBER.fullmatch(chosen.tag):
        return False
    before, after = content[: place.tag.span.start][-1:], content[place.tag.span.end :][:1]
    return not before.strip() and not after.strip() and f"{float(chosen.tag):g}" != chosen.tag


def apply_edits(content: bytes, edits: Iterable[Edit]) -> bytes:
    """Return `content` with all `edits` made; equal edits are one edit.

    Raises EditError when two different edits meet at a byte (insertions at one place included), or when the bytes
    are not those that an edit names.
    """
    pieces: list[bytes] = []
    copied = 0
    last: Edit | None = None
    for edit in sorted(set(edits), key=lambda each: (each.span, each.new)):
        start, end = edit.span.start, edit.span.end
        if last is not None and _meet(last, edit):
            raise EditError(f"two different edits meet at byte {start}")
        if not 0 <= start <= end <= len(content) or content[start:end] != edit.old:
            raise EditError(f"byte {start} does not hold {edit.old!r}; the file changed after it was read")
        pieces += [content[copied:start], edit.new]
        copied, last = end, edit
    return b"".join([*pieces, content[copied:]])


def _meet(first: Edit, second: Edit) -> bool:
    """Say whether two different edits, in the order of their spans, touch each other."""
    if second.span.start < first.span.end:
        return True
    is_insertion = first.span.start == first.span.end or second.span.start == second.span.end
    return is_insertion and second.span.start == first.span.end


def is_proved(
    before: Iterable[Occurrence | Unsupported],
    after: Iterable[Occurrence | Unsupported],
    planned: Mapping[Identity, Digest],
    tags: Mapping[Identity, str] = MappingProxyType({}),
) -> bool:
    """Say whether exactly the planned places changed, to exactly the planned digests, and those in `tags` to a tag.

    `before` and `after` are what was read before and after the edit.
    """
    expected = _places(before)
    for identity, digest in planned.items():
        place = expected.get(identity)
        if not isinstance(place, ImageReference):
            return False
        expected[identity] = replace(place, digest=digest, tag=tags.get(identity, place.tag))
    return expected == _places(after)


def _places(found: Iterable[Occurrence | Unsupported]) -> dict[object, ImageReference | int]:
    """Return occurrences by their identity, and how often each unsupported text is there: edits may add lines."""
    places: dict[object, ImageReference | int] = {}
    texts: Counter[object] = Counter()
    for place in found:
        match place:
            case Occurrence():
                places[identity(place)] = place.reference
            case Unsupported():
                texts[place.path, place.text, place.reason] += 1
    return {**places, **texts}
