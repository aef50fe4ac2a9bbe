"""Select the texts that look like image references and that no format reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from bot.model.source import EditSlot, FilePath, Reference, UnreadText, UnsupportedText


def list_edited_offsets(items: Iterable[Reference | UnsupportedText]) -> frozenset[int]:
    """Return the offsets of the bytes at which edits of the references in one file begin."""
    slots = (slot for each in items if isinstance(each, Reference) for slot in (each.digest_slot, each.tag_slot))
    edits = (slot if isinstance(slot, EditSlot) else slot.slot for slot in slots)
    return frozenset(edit.span.start for edit in edits if edit is not None)


def leave_out_read_texts(
    texts: Sequence[UnreadText], items: Iterable[Reference | UnsupportedText]
) -> tuple[UnreadText, ...]:
    """Return the texts that no item reads.

    An item reads a text if it edits bytes of the text, or if it is on the same line and one contains the other. An item
    that could not be parsed reads every text on its line, because reports show this line already.
    """
    paths = {text.path for text in texts}
    by_path: defaultdict[FilePath, list[Reference | UnsupportedText]] = defaultdict(list)
    lines: defaultdict[tuple[FilePath, int], list[str]] = defaultdict(list)
    for item in items if texts else ():
        if item.path in paths:
            by_path[item.path].append(item)
            words = [item.written, item.image.name] if isinstance(item, Reference) else [""]
            lines[item.path, item.line_number] += words
    edited = {path: list_edited_offsets(found) for path, found in by_path.items()}
    return tuple(
        text
        for text in texts
        if not any(each in text.text or text.text in each for each in lines.get((text.path, text.line_number), ()))
        and edited.get(text.path, frozenset()).isdisjoint(range(text.span.start, text.span.end + 1))
    )
