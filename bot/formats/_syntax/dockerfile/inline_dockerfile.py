"""Dockerfiles inside other files: read their images, and convert positions in them to positions in the outer file."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from bot.formats._syntax.dockerfile.reader import read_dockerfile
from bot.formats._syntax.line_offsets import LineOffsets
from bot.model.source import EditSlot, FilePath, NotEditable, Reference, Span, UnsupportedText
from bot.model.vocabulary import Reason


@dataclass(slots=True)
class InlineDockerfile:
    """The text of a Dockerfile inside another file, such as `dockerfile_inline` in a compose file.

    The text consists of pieces. Escapes and indentation of the outer file are not part of the text, so two pieces need
    not be adjacent in the outer file.
    """

    line_number: int
    """The line on which the whole text starts. It is used for lines that are not in the file literally."""
    get_line_number: Callable[[int], int]
    """Returns the line number for a byte offset in the file."""
    _text: bytearray = field(default_factory=bytearray)
    _starts: list[int] = field(default_factory=list)
    """The offset of each piece in the text."""
    _offsets: list[int | None] = field(default_factory=list)
    """The offset of each piece in the file, or None if the piece is not in the file literally."""

    @property
    def content(self) -> bytes:
        """The text of the Dockerfile."""
        return bytes(self._text)

    def add_piece(self, piece: bytes, offset: int | None) -> None:
        """Append a piece of the text. `offset` is its file offset, or None if the file does not contain it verbatim."""
        if piece:
            self._starts.append(len(self._text))
            self._offsets.append(offset)
            self._text += piece

    def read_images(self, path: FilePath, format_name: str, locator: str) -> Iterator[Reference | UnsupportedText]:
        """Yield the images of the Dockerfile, with line numbers and slots in the outer file.

        `path` is the path of the outer file. The locator of each image starts with `locator`.
        """
        content = self.content
        lines = LineOffsets(content)
        for found in read_dockerfile(content, path, format_name):
            line_number = self._map_line_number(lines.get_line_start(found.line_number))
            if isinstance(found, UnsupportedText):
                yield replace(found, line_number=line_number)
                continue
            yield replace(
                found,
                line_number=line_number,
                locator=f"{locator}/{found.locator}",
                related_lines=tuple(self._map_line_number(lines.get_line_start(each)) for each in found.related_lines),
                digest_slot=self._map_slot(found.digest_slot),
                tag_slot=self._map_slot(found.tag_slot),
            )

    def _map_line_number(self, start: int) -> int:
        offset = self._map_offset(start)
        return self.line_number if offset is None else self.get_line_number(offset)

    def _map_offset(self, position: int) -> int | None:
        """Return the file offset of the byte at `position` of the Dockerfile's text.

        Return None if the outer file does not contain this part of the text verbatim.
        """
        index = bisect_right(self._starts, position) - 1
        offset = self._offsets[index] if index >= 0 else None
        return None if offset is None else offset + position - self._starts[index]

    def _map_slot(self, slot: EditSlot | NotEditable) -> EditSlot | NotEditable:
        """Convert a slot (the byte range of an edit) in the Dockerfile's text to the slot in the outer file.

        The result is not editable if the outer file does not contain the bytes of the slot verbatim, as one contiguous
        range.
        """
        if isinstance(slot, NotEditable):
            inner = self._map_slot(slot.slot) if slot.slot is not None else None
            return NotEditable(slot.reason, inner if isinstance(inner, EditSlot) else None)
        start, end = slot.span.start, slot.span.end
        last = self._map_offset(end - 1)  # inserted bytes belong to the piece before them
        first = last if start == end else self._map_offset(start)
        if first is None or last is None:
            return NotEditable(Reason.EMBEDDED)
        span = Span(last + 1, last + 1) if start == end else Span(first, last + 1)
        return replace(slot, span=span) if span.end - span.start == end - start else NotEditable(Reason.EMBEDDED)
