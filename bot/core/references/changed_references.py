"""Selection of the image references that a change affects, for example the changes of a pull request.

The selection is based on the changed lines of each file.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from bot.model.source import EditSlot, FilePath, Reference, UnsupportedText

_CONTINUED_LINE = re.compile(rb"[\\`][ \t\r]*$|^\s*(?:#.*)?$")
"""Matches a Dockerfile line after which the instruction may go on: it ends with an escape, is a comment or is empty."""


def _get_start(lines: range) -> int:
    return lines.start


class ChangedFile:
    """The content of one file, and the numbers of the lines that a change added or modified."""

    def __init__(self, content: bytes, changed_lines: Sequence[range]) -> None:
        self._content = content
        self._line_ends = [found.start() for found in re.finditer(rb"\n", content)]
        self._changed_lines = sorted(changed_lines, key=_get_start)

    def has_changed(self, line_numbers: Iterable[int]) -> bool:
        """Return True if the change added or modified at least one of the lines."""
        found = ((number, bisect_right(self._changed_lines, number, key=_get_start)) for number in line_numbers)
        return any(index and number in self._changed_lines[index - 1] for number, index in found)

    def list_lines(self, reference: Reference) -> set[int]:
        """Return the numbers of all lines that belong to an image reference.

        These are the lines with its text, its tag and its digest, and its `related_lines`, such as the line `image: >-`
        above a folded text in YAML.
        """
        line_numbers = {reference.line_number, *reference.related_lines}
        for slot in (reference.digest_slot, reference.tag_slot):
            if isinstance(slot, EditSlot):
                first, last = (bisect_left(self._line_ends, each) + 1 for each in (slot.span.start, slot.span.end))
                line_numbers.update(range(first, last + 1))
        return line_numbers

    def can_affect(self, reference: Reference) -> bool:
        """Return True if the change could affect a variable in the image reference, as in `FROM python:${VERSION}`.

        In a Dockerfile, this is the case if a changed instruction contains the name of the variable, as in `ARG
        VERSION=3.12`. In other formats, the value can be many lines away from the name, so any change to the file
        counts.
        """
        if not reference.variables or not self._changed_lines:
            return False
        if reference.format != "dockerfile":
            return True
        names = b"|".join(re.escape(name.encode()) for name in reference.variables)
        return re.search(names, self._changed_instructions) is not None

    @cached_property
    def _changed_instructions(self) -> bytes:
        """The text of all Dockerfile instructions with a changed line. An instruction can extend over several lines."""
        changed_lines: list[bytes] = []
        instruction: list[bytes] = []
        is_changed = False
        for number, line in enumerate(self._content.split(b"\n"), 1):
            instruction.append(line)
            is_changed = is_changed or self.has_changed((number,))
            if not _CONTINUED_LINE.search(line):
                changed_lines += instruction if is_changed else []
                instruction, is_changed = [], False
        return b"\n".join([*changed_lines, *(instruction if is_changed else [])])


@dataclass(frozen=True, slots=True)
class ChangedFiles:
    """The files that a change added, modified or deleted."""

    files: Mapping[FilePath, ChangedFile]

    def is_touched(self, item: Reference | UnsupportedText) -> bool:
        """Return True if the change modifies the text of an image reference, or could change its image.

        If `item` is an `UnsupportedText`, it is a text or a whole file that could not be read. For a whole file, any
        change to the file counts.
        """
        file = self.files.get(item.path)
        if isinstance(item, UnsupportedText):
            return file is not None and (item.reason.facts.is_whole_file or file.has_changed((item.line_number,)))
        if file is not None and (file.has_changed(file.list_lines(item)) or file.can_affect(item)):
            return True
        return any(path in self.files and self.files[path].has_changed((number,)) for path, number in item.usages)
