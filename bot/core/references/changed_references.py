"""Selection of the image references that a change added or modified, for example the change of a pull request.

The references before and after the change are compared, so that a removed line counts as well as an added line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Sequence
from dataclasses import replace

from bot.model.extracted_item import ExtractedReferences
from bot.model.source import EditSlot, FilePath, NotEditable, Reference, Span, UnreadText, UnsupportedText

_ANY_SLOT = EditSlot(Span(0, 0), b"")
"""Stands for all slots that basebump may edit, because their positions are not compared."""


def select_changed_references(
    current: ExtractedReferences, earlier: ExtractedReferences, changed_files: Collection[FilePath]
) -> ExtractedReferences:
    """Return the references and texts of `current` that have no equal counterpart in `earlier`.

    Two references are equal if they are in the same file, name the same image in the same words, and can be edited for
    the same reasons. Their lines and positions are not compared, because an edit above them changes both. If a file
    contains an equal reference more often than before, the additional references count as changed.

    A file that could not be parsed also counts as changed if its path is in `changed_files`.
    """
    remaining = Counter(map(_build_identity, earlier))
    former_positions = {(_build_identity(each), _get_locator(each)) for each in earlier}
    identified = [(each, _build_identity(each)) for each in current]
    changed: set[int] = set()
    # References at their former positions are matched first. Of several equal references, the one at a new
    # position counts as added.
    by_position = sorted(
        range(len(identified)),
        key=lambda index: (identified[index][1], _get_locator(identified[index][0])) not in former_positions,
    )
    for index in by_position:
        item, identity = identified[index]
        remaining[identity] -= 1
        if remaining[identity] < 0 or (is_whole_file(item) and item.path in changed_files):
            changed.add(index)
    return tuple(each for index, each in enumerate(current) if index in changed)


def select_changed_texts(current: Sequence[UnreadText], earlier: Sequence[UnreadText]) -> tuple[UnreadText, ...]:
    """Return the texts of `current` that the same file does not contain as often in `earlier`."""
    remaining = Counter((each.path, each.text) for each in earlier)
    changed: list[UnreadText] = []
    for each in current:
        remaining[each.path, each.text] -= 1
        if remaining[each.path, each.text] < 0:
            changed.append(each)
    return tuple(changed)


def is_whole_file(item: Reference | UnsupportedText) -> bool:
    """Return True if `item` stands for a whole file that could not be parsed."""
    return isinstance(item, UnsupportedText) and item.reason.facts.is_whole_file


def _build_identity(item: Reference | UnsupportedText) -> Hashable:
    """Return `item` without its position, and without the properties that do not affect whether it passes a check."""
    if isinstance(item, UnsupportedText):
        return replace(item, line_number=0, notes=())
    comment = item.ignore_comment
    return replace(
        item,
        line_number=0,
        locator="",
        digest_slot=_normalize_slot(item.digest_slot),
        tag_slot=_normalize_slot(item.tag_slot),
        related_lines=(),
        ignore_comment=replace(comment, line_number=0, reason="") if comment is not None else None,
        notes=(),
        usages=tuple(sorted((path, 0) for path, _ in item.usages)),
        owners=(),
        name_values=(),
    )


def _normalize_slot(slot: EditSlot | NotEditable) -> EditSlot | NotEditable:
    return _ANY_SLOT if isinstance(slot, EditSlot) else replace(slot, slot=None)


def _get_locator(item: Reference | UnsupportedText) -> str:
    return item.locator if isinstance(item, Reference) else ""
