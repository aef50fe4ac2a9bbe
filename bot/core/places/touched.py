"""Image references that a change touches, by the changed lines of their files."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from bot.model.source import EditSlot, FilePath, Occurrence, UnsupportedText
from bot.model.vocabulary import WHOLE_FILE_REASONS

_GOES_ON = re.compile(rb"[\\`][ \t\r]*$|^\s*(?:#.*)?$")
"""A line of a Dockerfile that may continue on the next one: it ends with an escape, is a comment or is empty."""


def _start(lines: range) -> int:
    return lines.start


class ChangedFile:
    """One file, and its changed lines."""

    def __init__(self, content: bytes, changed: Sequence[range]) -> None:
        self._content = content
        self._ends = [found.start() for found in re.finditer(rb"\n", content)]
        self._changed = sorted(changed, key=_start)

    def has(self, numbers: Iterable[int]) -> bool:
        """Return True if one of the lines was changed."""
        found = ((number, bisect_right(self._changed, number, key=_start)) for number in numbers)
        return any(index and number in self._changed[index - 1] for number, index in found)

    def lines_of(self, place: Occurrence) -> set[int]:
        """Return the lines of an occurrence: those of its text, tag and digest, and of the element that contains it."""
        numbers = {place.line_number, *place.related_lines}
        for slot in (place.digest_slot, place.tag_slot):
            if isinstance(slot, EditSlot):
                first, last = (bisect_left(self._ends, each) + 1 for each in (slot.span.start, slot.span.end))
                numbers.update(range(first, last + 1))
        return numbers

    def decides(self, place: Occurrence) -> bool:
        """Return True if a change may set a variable that determines the occurrence.

        In a Dockerfile a changed instruction must name the variable. In other formats any change counts, because values
        may be far from the variable's name.
        """
        if not place.variables or not self._changed:
            return False
        if place.format != "dockerfile":
            return True
        names = b"|".join(re.escape(name.encode()) for name in place.variables)
        return re.search(names, self._new_instructions) is not None

    @cached_property
    def _new_instructions(self) -> bytes:
        """All instructions of a Dockerfile that have a changed line, in full."""
        found: list[bytes] = []
        instruction: list[bytes] = []
        is_new = False
        for number, line in enumerate(self._content.split(b"\n"), 1):
            instruction.append(line)
            is_new = is_new or self.has((number,))
            if not _GOES_ON.search(line):
                found += instruction if is_new else []
                instruction, is_new = [], False
        return b"\n".join([*found, *(instruction if is_new else [])])


@dataclass(frozen=True, slots=True)
class Change:
    """The files of a change; unchanged files are not in `files`."""

    files: Mapping[FilePath, ChangedFile]

    def touches(self, place: Occurrence | UnsupportedText) -> bool:
        """Return True if an occurrence or unsupported text is on a changed line, or a change may determine it."""
        file = self.files.get(place.path)
        if isinstance(place, UnsupportedText):
            return file is not None and (place.reason in WHOLE_FILE_REASONS or file.has((place.line_number,)))
        if file is not None and (file.has(file.lines_of(place)) or file.decides(place)):
            return True
        return any(path in self.files and self.files[path].has((number,)) for path, number in place.usages)
