"""Find the slots for the digest and the tag of a reference that contains arguments.

A slot is the range of bytes that a new value replaces, or the position at which it is inserted. A slot may be in the
default of an argument. Then a value is written only if everything that depends on the argument needs the same value at
the same position.

A digest is also not written if a user could override an argument in the tag and the digest would stay. The digest would
then silently freeze the image. If there is no slot, the result states the reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from bot.formats._syntax.dockerfile.expansion import ArgScope, ArgumentUse, ByteRun, VariableEffect, WordExpansion
from bot.model.reference import ImageReference
from bot.model.source import EditSlot, NotEditable, Occurrence, Span
from bot.model.vocabulary import Reason

_SlotKey = tuple[int, int, str, str | None]


class _OwnedSlot(NamedTuple):
    """A slot in the file, and the run of bytes that contains it."""

    slot: EditSlot
    run: ByteRun
    key: _SlotKey
    """Equal for references that need the same value in this slot."""


class ComposedReference(NamedTuple):
    """A reference that contains arguments, before all other uses of these arguments are known."""

    occurrence: Occurrence
    """The occurrence. Its slots are relative to the start of the reference's text."""
    expansion: WordExpansion
    written: str
    digest_slot: _OwnedSlot | NotEditable
    tag_slot: _OwnedSlot | NotEditable


def compose_reference(occurrence: Occurrence, expansion: WordExpansion, written: str) -> ComposedReference:
    """Return a reference that was read from the text of `expansion`, with the file positions of its slots."""
    reference = occurrence.reference
    if reference.digest is None and _would_freeze_tag(reference, expansion, len(expansion.text)):
        digest: _OwnedSlot | NotEditable = NotEditable(Reason.COMPOSED_TAG)
    else:
        digest = _find_slot(occurrence.digest_slot, expansion, reference.repository, reference.tag)
    if _has_open_end(reference, expansion):
        tag: _OwnedSlot | NotEditable = NotEditable(Reason.COMPOSED_TAG)
    else:
        tag = _find_slot(occurrence.tag_slot, expansion, reference.repository, None)
    return ComposedReference(occurrence, expansion, written, digest, tag)


class SlotClaims:
    """Collects the slots that the references in a file need in the defaults of arguments."""

    def __init__(self) -> None:
        self._digest_keys: dict[int, _SlotKey | None] = {}
        """The key of the slot that all references need, by argument. None if they need different slots or no slot."""
        self._tag_keys: dict[int, _SlotKey | None] = {}

    def record_reference(self, reference: ComposedReference) -> None:
        """Record the slots that a reference needs in the defaults of arguments."""
        for use in reference.expansion.uses:
            if use.argument_index is not None:
                is_value = use.effect is VariableEffect.VALUE
                _record_claim(self._digest_keys, use.argument_index, reference.digest_slot if is_value else None)
                _record_claim(self._tag_keys, use.argument_index, reference.tag_slot if is_value else None)

    def record_other_uses(self, uses: Iterable[ArgumentUse]) -> None:
        """Record that arguments are used for something other than image references.

        The defaults of these arguments then stay unchanged.
        """
        for use in uses:
            if use.argument_index is not None:
                self._digest_keys[use.argument_index] = self._tag_keys[use.argument_index] = None

    def is_used(self, argument_index: int) -> bool:
        """Return True if anything that has been recorded depends on the argument."""
        return argument_index in self._digest_keys

    def build_occurrence(self, reference: ComposedReference, scope: ArgScope | None) -> Occurrence:
        """Return the final occurrence of a reference.

        Call this only after all uses of arguments in the file have been recorded.
        """
        digest, tag = (
            _resolve_slot(reference.digest_slot, self._digest_keys),
            _resolve_slot(reference.tag_slot, self._tag_keys),
        )
        lines = [*reference.occurrence.related_lines]
        if isinstance(reference.digest_slot, _OwnedSlot) and isinstance(digest, EditSlot):
            run = reference.digest_slot.run
            lines.append(run.line_number)
            if scope is not None and run.argument_index is not None:
                lines.append(scope.first_lines[run.argument_index])
        also_lines = tuple(line for line in dict.fromkeys(lines) if line != reference.occurrence.line_number)
        return replace(
            reference.occurrence,
            written=reference.written,
            digest_slot=digest,
            tag_slot=tag,
            variables=reference.expansion.variables,
            related_lines=also_lines,
        )


def _record_claim(
    keys_by_argument: dict[int, _SlotKey | None], argument_index: int, slot: _OwnedSlot | NotEditable | None
) -> None:
    key = slot.key if isinstance(slot, _OwnedSlot) else None
    if keys_by_argument.setdefault(argument_index, key) != key:
        keys_by_argument[argument_index] = None


def _resolve_slot(
    slot: _OwnedSlot | NotEditable, keys_by_argument: dict[int, _SlotKey | None]
) -> EditSlot | NotEditable:
    if isinstance(slot, NotEditable):
        return slot
    argument_index = slot.run.argument_index
    if argument_index is None or keys_by_argument.get(argument_index) == slot.key:
        return slot.slot
    return NotEditable(Reason.SHARED_ARGUMENT)


def _find_slot(
    text_slot: EditSlot | NotEditable, expansion: WordExpansion, repository: str, tag: str | None
) -> _OwnedSlot | NotEditable:
    """Return the slot in the file for `text_slot`, which is relative to the start of the reference's text."""
    if isinstance(text_slot, NotEditable):
        return text_slot
    start, end = text_slot.span.start, text_slot.span.end
    run_and_start = expansion.find_run(start, end)
    if run_and_start is None:
        return NotEditable(Reason.COMPOSED_TAG)
    run, file_start = run_and_start
    if run.argument_index is not None and sum(run is each for each in expansion.runs) > 1:
        return NotEditable(Reason.SHARED_ARGUMENT)
    span = Span(file_start, file_start + end - start)
    return _OwnedSlot(EditSlot(span, text_slot.old, text_slot.prefix), run, (span.start, span.end, repository, tag))


def _would_freeze_tag(reference: ImageReference, expansion: WordExpansion, end: int) -> bool:
    """Return True if a digest at the end of the text would stay when a user overrides an argument in the tag."""
    name_end = len(reference.name)
    return any(
        use.effect is not VariableEffect.UNCHOSEN and _may_affect_tag(use, name_end, end) and not use.is_around(end)
        for use in expansion.uses
    )


def _may_affect_tag(use: ArgumentUse, name_end: int, end: int) -> bool:
    """Return True if a part of the use may be in the tag. An empty use may become or extend the tag."""
    return use.end > name_end or use.start == use.end == end


def _has_open_end(reference: ImageReference, expansion: WordExpansion) -> bool:
    """Return True if an argument in or next to the tag is empty. Setting the argument could extend the tag."""
    start = len(reference.name) + 1 if reference.tag else len(reference.name)
    end = len(reference.name) + len(f":{reference.tag}" if reference.tag else "")
    return any(
        use.effect is not VariableEffect.UNCHOSEN and use.start == use.end and start <= use.start <= end
        for use in expansion.uses
    )
