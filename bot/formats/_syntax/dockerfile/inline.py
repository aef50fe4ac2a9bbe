"""Dockerfiles inside other files: what is found in their text, told in the bytes and lines of the file."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from bot.formats._syntax.dockerfile.reader import read_dockerfile
from bot.formats._syntax.lines import Lines
from bot.model.source import Closed, FilePath, Occurrence, Slot, Span, Unsupported
from bot.model.vocabulary import Reason


@dataclass(slots=True)
class InlineDockerfile:
    """A text put together from pieces, most of which stand in the file as they are."""

    line_number: int
    """Of the whole, and so of each line that does not stand in the file as it is."""
    line_number_of: Callable[[int], int]
    """Returns the line of the file that a byte of it is on."""
    _text: bytearray = field(default_factory=bytearray)
    _starts: list[int] = field(default_factory=list)
    """Where in the text its pieces begin."""
    _offsets: list[int | None] = field(default_factory=list)
    """The byte of the file where each of them begins."""

    def add(self, piece: bytes, offset: int | None) -> None:
        """Add a piece; `offset` is None where it stands nowhere as it is."""
        if piece:
            self._starts.append(len(self._text))
            self._offsets.append(offset)
            self._text += piece

    def read(self, path: FilePath, format_name: str, locator: str) -> Iterator[Occurrence | Unsupported]:
        """Yield the images of the Dockerfile, with locators below `locator`."""
        content = bytes(self._text)
        lines = Lines(content)
        for found in read_dockerfile(content, path, format_name):
            line_number = self._line_number(lines.start(found.line_number))
            if isinstance(found, Unsupported):
                yield replace(found, line_number=line_number)
                continue
            yield replace(
                found,
                line_number=line_number,
                locator=f"{locator}/{found.locator}",
                also_lines=tuple(self._line_number(lines.start(each)) for each in found.also_lines),
                digest=self._moved(found.digest),
                tag=self._moved(found.tag),
            )

    def _line_number(self, start: int) -> int:
        offset = self._offset(start)
        return self.line_number if offset is None else self.line_number_of(offset)

    def _offset(self, position: int) -> int | None:
        """Return the byte of the file that the byte `position` of the text is; None where it is not there as it is."""
        index = bisect_right(self._starts, position) - 1
        offset = self._offsets[index] if index >= 0 else None
        return None if offset is None else offset + position - self._starts[index]

    def _moved(self, slot: Slot | Closed) -> Slot | Closed:
        """Return `slot` in the file; closed where its bytes do not stand there in one piece."""
        if isinstance(slot, Closed):
            inner = self._moved(slot.slot) if slot.slot is not None else None
            return Closed(slot.reason, inner if isinstance(inner, Slot) else None)
        start, end = slot.span.start, slot.span.end
        last = self._offset(end - 1)  # what is inserted belongs to the text before it
        first = last if start == end else self._offset(start)
        if first is None or last is None:
            return Closed(Reason.EMBEDDED)
        span = Span(last + 1, last + 1) if start == end else Span(first, last + 1)
        return replace(slot, span=span) if span.end - span.start == end - start else Closed(Reason.EMBEDDED)
