"""Texts inside YAML that are YAML themselves: map what was read in them to bytes and lines of the outer file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from bot.formats._syntax.lines import Lines
from bot.formats._syntax.yaml.nodes import Document, Scalar
from bot.model.source import EditSlot, NotEditable, Occurrence, Span, UnsupportedText
from bot.model.vocabulary import Reason

MAX_TEXT_BYTES = 1024 * 1024
"""Longer texts are not read; a ConfigMap cannot hold more
(https://kubernetes.io/docs/concepts/configuration/configmap/)."""


class EmbeddedText(NamedTuple):
    """The text of a scalar, and the positions of its lines in the file."""

    content: bytes
    line_number: int
    """The line of the first line of the text, or of the scalar if the file does not have the text's lines literally."""
    line_starts: tuple[int, ...] | None
    """The file offset at which each line of the text begins; None if escapes or folding change the lines."""

    @classmethod
    def of(cls, document: Document, scalar: Scalar) -> EmbeddedText | None:
        """Return the text of `scalar`; None if it is too long."""
        content = scalar.value.encode(errors="replace")
        if len(content) > MAX_TEXT_BYTES:
            return None
        line_starts = _line_starts(document, scalar, content)
        if line_starts is None:
            return cls(content, document.line_number(scalar), None)
        return cls(content, document.source.line_number(line_starts[0]), line_starts)

    def tell(
        self, found: Iterable[Occurrence | UnsupportedText], locator: str, *, is_shared: bool = False
    ) -> Iterator[Occurrence | UnsupportedText]:
        """Yield items found in `content` with positions in the file, not editable because they are `embedded`.

        A rule can allow editing what can be written there, unless another reason forbids it, too.
        """
        places = _Places(self, is_shared=is_shared)
        for each in found:
            line_number = places.line_number(each.line_number)
            if isinstance(each, UnsupportedText):
                yield replace(each, line_number=line_number)
                continue
            yield replace(
                each,
                line_number=line_number,
                locator=f"{locator}>{each.locator}",
                digest_slot=places.closed(each.digest_slot),
                tag_slot=places.closed(each.tag_slot),
                related_lines=tuple(map(places.line_number, each.related_lines)),
            )


class _Places:
    """Maps offsets and lines of a text to those of its file."""

    def __init__(self, text: EmbeddedText, *, is_shared: bool) -> None:
        self._text = text
        self._is_shared = is_shared
        self._lines = Lines(text.content)

    def line_number(self, inner: int) -> int:
        return self._text.line_number + (0 if self._text.line_starts is None else inner - 1)

    def closed(self, inner: EditSlot | NotEditable) -> NotEditable:
        if isinstance(inner, NotEditable):
            return NotEditable(inner.reason)
        slot = None if self._is_shared else self._slot(inner)
        return NotEditable(Reason.EMBEDDED, slot)

    def _slot(self, inner: EditSlot) -> EditSlot | None:
        """Return the slot in the file; None if the text is not there literally, or if a new line would be needed."""
        starts = self._text.line_starts
        number = self._lines.number(inner.span.start)
        if starts is None or number > len(starts) or b"\n" in inner.prefix:
            return None
        shift = starts[number - 1] - self._lines.start(number)
        return EditSlot(Span(inner.span.start + shift, inner.span.end + shift), inner.old, inner.prefix)


def _line_starts(document: Document, scalar: Scalar, content: bytes) -> tuple[int, ...] | None:
    """Return the file offset of each line of the text; None if the source has other lines than the text."""
    if scalar.style != "|":
        return None
    written = document.source_of(scalar).encode()
    header_end = written.find(b"\n", written.find(b"|"))
    if header_end < 0:
        return None
    at = document.start(scalar) + header_end + 1
    starts: list[int] = []
    indentation: int | None = None
    lines = written[header_end + 1 :].split(b"\n")
    for line, text in zip(lines, content.removesuffix(b"\n").split(b"\n"), strict=False):
        body = line.removesuffix(b"\r")
        if text and indentation is None:
            indentation = len(body) - len(text)
        indent = indentation or 0
        if body[indent:] != text or body[:indent].strip(b" "):
            return None
        starts.append(at + min(indent, len(body)))
        at += len(line) + 1
    return tuple(starts) if len(starts) >= content.removesuffix(b"\n").count(b"\n") + 1 else None
