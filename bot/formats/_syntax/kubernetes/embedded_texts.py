"""Texts in YAML files that are YAML themselves, such as a manifest in a ConfigMap.

Line numbers and slots (the byte ranges of edits) in such a text are converted to line numbers and slots in the file
around the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from bot.formats._syntax.line_offsets import LineOffsets
from bot.formats._syntax.yaml.nodes import YamlDocument, YamlScalar
from bot.model.source import EditSlot, NotEditable, Reference, Span, UnsupportedText
from bot.model.vocabulary import Reason

MAX_TEXT_BYTES = 1024 * 1024
"""Limit on the bytes of a text that is read. A ConfigMap cannot contain more
(https://kubernetes.io/docs/concepts/configuration/configmap/)."""


def encode_text(scalar: YamlScalar) -> bytes | None:
    """Return the text of `scalar`, or None if the text is longer than MAX_TEXT_BYTES."""
    content = scalar.value.encode(errors="replace")
    return content if len(content) <= MAX_TEXT_BYTES else None


class EmbeddedText(NamedTuple):
    """The text of a YAML scalar that is read as YAML itself, with the offset of each of its lines in the file."""

    content: bytes
    line_number: int
    """The line on which the text starts, or on which the scalar starts if the lines of the text are not in the file
    literally."""
    line_starts: tuple[int, ...] | None
    """The file offset of each line of the text, or None if escapes or folding change the lines."""

    @classmethod
    def create(cls, document: YamlDocument, scalar: YamlScalar, content: bytes) -> EmbeddedText:
        """Return the text of `scalar`. `content` is the result of `encode_text`."""
        line_starts = _find_line_starts(document, scalar, content)
        if line_starts is None:
            return cls(content, document.get_line_number(scalar), None)
        return cls(content, document.source.get_line_number(line_starts[0]), line_starts)

    def map_references(
        self,
        references: Iterable[Reference | UnsupportedText],
        locator: str,
        *,
        is_shared: bool = False,
        is_editable: bool = False,
    ) -> Iterator[Reference | UnsupportedText]:
        """Convert references with positions in this text to references with positions in the file.

        The results are not editable (`embedded`), but a rule in the config can allow edits. No rule can allow an edit
        that is also impossible for another reason. For example, the file might not contain the reference literally, or
        a YAML alias might repeat the text elsewhere (`is_shared`). `locator` is the locator of the text in the file.

        If `is_editable` is True, the program that reads the text is known, and the results are editable without a rule.
        """
        position_map = _PositionMap(self, is_shared=is_shared, is_editable=is_editable)
        for each in references:
            line_number = position_map.map_line_number(each.line_number)
            if isinstance(each, UnsupportedText):
                yield replace(each, line_number=line_number)
                continue
            yield replace(
                each,
                line_number=line_number,
                locator=f"{locator}>{each.locator}",
                digest_slot=position_map.map_slot(each.digest_slot),
                tag_slot=position_map.map_slot(each.tag_slot),
                related_lines=tuple(map(position_map.map_line_number, each.related_lines)),
            )


class _PositionMap:
    """Converts lines and slots of an embedded text to lines and slots of the file."""

    def __init__(self, text: EmbeddedText, *, is_shared: bool, is_editable: bool) -> None:
        self._text = text
        self._is_shared = is_shared
        self._is_editable = is_editable
        self._lines = LineOffsets(text.content)

    def map_line_number(self, inner_line: int) -> int:
        return self._text.line_number + (0 if self._text.line_starts is None else inner_line - 1)

    def map_slot(self, inner_slot: EditSlot | NotEditable) -> EditSlot | NotEditable:
        if isinstance(inner_slot, NotEditable):
            return NotEditable(inner_slot.reason)
        slot = None if self._is_shared else self._convert_slot(inner_slot)
        return slot if slot is not None and self._is_editable else NotEditable(Reason.EMBEDDED, slot)

    def _convert_slot(self, inner_slot: EditSlot) -> EditSlot | None:
        """Convert a slot in the embedded text to the slot in the file.

        Return None if the edit would add a line, or if the file does not contain the text literally, because an escape
        or folding changes the text.
        """
        starts = self._text.line_starts
        number = self._lines.get_line_number(inner_slot.span.start)
        if starts is None or number > len(starts) or b"\n" in inner_slot.prefix:
            return None
        shift = starts[number - 1] - self._lines.get_line_start(number)
        return EditSlot(
            Span(inner_slot.span.start + shift, inner_slot.span.end + shift), inner_slot.old, inner_slot.prefix
        )


def _find_line_starts(document: YamlDocument, scalar: YamlScalar, content: bytes) -> tuple[int, ...] | None:
    """Return the file offsets of the lines of an embedded text. `content` is the text, and `scalar` its YAML node.

    Return None if the file does not contain the lines literally. A block scalar with `|` contains them literally, and
    any scalar can contain a single line literally.
    """
    if scalar.style != "|":
        start = None if b"\n" in content else document.find_literal_start(scalar)
        return None if start is None else (start,)
    source = document.get_source_text(scalar).encode()
    header_end = source.find(b"\n", source.find(b"|"))
    if header_end < 0:
        return None
    at = document.get_start(scalar) + header_end + 1
    starts: list[int] = []
    indentation: int | None = None
    lines = source[header_end + 1 :].split(b"\n")
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
