"""Bytes: make edits, and prove that they did what was planned and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from bot.model.errors import EditError
from bot.model.reference import Digest, ImageReference
from bot.model.source import Edit, FilePath, Occurrence, Slot, Unsupported

Identity = tuple[FilePath, str, str]


def identity(occurrence: Occurrence) -> Identity:
    """Return what an occurrence is known by, whatever the edits: its path, its format and its locator."""
    return occurrence.path, occurrence.format, occurrence.locator


def write_digest(slot: Slot, digest: Digest) -> Edit:
    """Return the edit that puts `digest` into `slot`."""
    return Edit(slot.span, slot.old, slot.before + digest.encode())


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
) -> bool:
    """Say whether exactly the planned places changed, to exactly the planned digests.

    `before` and `after` are what was read before and after the edit.
    """
    expected = _places(before)
    for identity, digest in planned.items():
        place = expected.get(identity)
        if not isinstance(place, ImageReference):
            return False
        expected[identity] = place.at(digest)
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
