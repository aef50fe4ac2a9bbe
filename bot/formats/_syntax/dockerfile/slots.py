"""Find the positions in a Dockerfile at which the digest and the tag of a reference with arguments can be edited.

Such a position is called a slot. A slot is the range of bytes in the file that a new value replaces, or the position at
which the value is inserted. The slot may be in the default of an argument: for `FROM app:$TAG`, the tag is edited in
`ARG TAG=1.0`. Such a default is edited only if everything that uses the argument needs the same value at the same
position.

A digest is not added if it would break the override of an argument in the tag. For example, a user may set the tag with
`--build-arg TAG=2.0`. If the digest is not replaced too, the build silently uses the digest instead of the new tag. If
a value cannot be edited, a `NotEditable` states the reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from bot.formats._syntax.dockerfile.expansion import ArgScope, ArgumentUse, ByteRun, VariableEffect, WordExpansion
from bot.model.image_name import ImageName
from bot.model.source import EditSlot, NotEditable, Reference, Span
from bot.model.vocabulary import Reason

_SlotKey = tuple[int, int, str, str | None]


class _FileSlot(NamedTuple):
    """A slot (the byte range of an edit) in the file, and the contiguous bytes of the file that contain it."""

    slot: EditSlot
    run: ByteRun
    key: _SlotKey
    """Equal for two references if they need the same value in the same slot."""


class ComposedReference(NamedTuple):
    """A reference that contains arguments, with the slots of its digest and its tag in the file.

    These slots might not be editable, because other texts might use the arguments. `SlotClaims` determines this later.
    """

    reference: Reference
    """The reference. Its slots are positions in the expanded text of the reference, and not in the file."""
    expansion: WordExpansion
    written: str
    digest_slot: _FileSlot | NotEditable
    tag_slot: _FileSlot | NotEditable


def compose_reference(reference: Reference, expansion: WordExpansion, written: str) -> ComposedReference:
    """Find the slots of a reference in the file, and return the reference with these slots.

    Args:
        reference: The reference. Its slots are positions in the expanded text.
        expansion: The expanded text, with the file offsets of its bytes.
        written: The reference as it is written in the file, with its arguments.
    """
    image = reference.image
    if image.digest is None and _would_freeze_tag(image, expansion, len(expansion.text)):
        digest: _FileSlot | NotEditable = NotEditable(Reason.COMPOSED_TAG)
    else:
        digest = _find_slot(reference.digest_slot, expansion, image.repository, image.tag)
    if _has_open_end(image, expansion):
        tag: _FileSlot | NotEditable = NotEditable(Reason.COMPOSED_TAG)
    else:
        tag = _find_slot(reference.tag_slot, expansion, image.repository, None)
    return ComposedReference(reference, expansion, written, digest, tag)


class SlotClaims:
    """Detects references in a file that need different values in the default of the same argument.

    For example, `FROM app:$TAG` and `FROM tool:$TAG` need different digests in the default of `TAG`. Such a default is
    not editable.
    """

    def __init__(self) -> None:
        self._digest_keys: dict[int, _SlotKey | None] = {}
        """The key of the slot that all references need, by argument. The key is None if the references need different
        slots or no slot."""
        self._tag_keys: dict[int, _SlotKey | None] = {}

    def record_reference(self, reference: ComposedReference) -> None:
        """Record which values `reference` needs in the defaults of its arguments, and at which positions."""
        for use in reference.expansion.uses:
            if use.argument_index is not None:
                is_value = use.effect is VariableEffect.VALUE
                _record_claim(self._digest_keys, use.argument_index, reference.digest_slot if is_value else None)
                _record_claim(self._tag_keys, use.argument_index, reference.tag_slot if is_value else None)

    def record_other_uses(self, uses: Iterable[ArgumentUse]) -> None:
        """Record arguments that are used outside image references. This makes their defaults not editable."""
        for use in uses:
            if use.argument_index is not None:
                self._digest_keys[use.argument_index] = self._tag_keys[use.argument_index] = None

    def is_used(self, argument_index: int) -> bool:
        """Return True if the argument with this index was recorded as used by an image reference or another text."""
        return argument_index in self._digest_keys

    def build_reference(self, reference: ComposedReference, scope: ArgScope | None) -> Reference:
        """Return the reference of `reference` with its final slots in the file.

        A slot in the default of an argument is not editable if another text that uses the argument needs another value
        there. Therefore, call this only after all references and other uses of the file have been recorded. `scope`
        provides the lines of the `ARG` instructions.
        """
        digest, tag = (
            _resolve_slot(reference.digest_slot, self._digest_keys),
            _resolve_slot(reference.tag_slot, self._tag_keys),
        )
        lines = [*reference.reference.related_lines]
        if isinstance(reference.digest_slot, _FileSlot) and isinstance(digest, EditSlot):
            run = reference.digest_slot.run
            lines.append(run.line_number)
            if scope is not None and run.argument_index is not None:
                lines.append(scope.first_lines[run.argument_index])
        also_lines = tuple(line for line in dict.fromkeys(lines) if line != reference.reference.line_number)
        return replace(
            reference.reference,
            written=reference.written,
            digest_slot=digest,
            tag_slot=tag,
            variables=reference.expansion.variables,
            related_lines=also_lines,
        )


def _record_claim(
    keys_by_argument: dict[int, _SlotKey | None], argument_index: int, slot: _FileSlot | NotEditable | None
) -> None:
    key = slot.key if isinstance(slot, _FileSlot) else None
    if keys_by_argument.setdefault(argument_index, key) != key:
        keys_by_argument[argument_index] = None


def _resolve_slot(
    slot: _FileSlot | NotEditable, keys_by_argument: dict[int, _SlotKey | None]
) -> EditSlot | NotEditable:
    if isinstance(slot, NotEditable):
        return slot
    argument_index = slot.run.argument_index
    if argument_index is None or keys_by_argument.get(argument_index) == slot.key:
        return slot.slot
    return NotEditable(Reason.SHARED_ARGUMENT)


def _find_slot(
    text_slot: EditSlot | NotEditable, expansion: WordExpansion, repository: str, tag: str | None
) -> _FileSlot | NotEditable:
    """Convert a slot in the expanded text to a slot in the file.

    The result is not editable if the bytes of `text_slot` are not contiguous in the file, or if an argument inserts
    them several times.

    `repository` and `tag` describe the image for which the new value is written. Two references can share a slot for a
    digest only if they have the same repository and tag, because only such references need the same digest.
    """
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
    return _FileSlot(EditSlot(span, text_slot.old, text_slot.prefix), run, (span.start, span.end, repository, tag))


def _would_freeze_tag(image: ImageName, expansion: WordExpansion, end: int) -> bool:
    """Return True if a digest after the tag would disable overriding an argument in the tag.

    For `FROM app:$TAG@sha256:…`, a build with `--build-arg TAG=2.0` would silently use the image of the old digest. The
    result is False if the digest is in the default of the argument, because overriding the argument then removes the
    digest too. `end` is the end of the expanded text, at which the digest would be inserted.
    """
    name_end = len(image.name)
    return any(
        use.effect is not VariableEffect.UNCHOSEN
        and _may_affect_tag(use, name_end, end)
        and not use.includes_insertion_at(end)
        for use in expansion.uses
    )


def _may_affect_tag(use: ArgumentUse, name_end: int, end: int) -> bool:
    """Return True if a variable determines a part of the tag, or if setting the variable could extend the tag.

    A variable determines a part of the tag if the inserted text ends after `name_end`, the end of the image's name.
    Setting a variable could extend the tag if the variable is at `end`, the end of the text, and inserts nothing now.
    """
    return use.end > name_end or use.start == use.end == end


def _has_open_end(image: ImageName, expansion: WordExpansion) -> bool:
    """Return True if a user could extend the tag by setting an argument that is empty now.

    Such an argument inserts nothing, and is in the tag, at its start or at its end: for example `SUFFIX` in
    `app:1.0$SUFFIX`.
    """
    start = len(image.name) + 1 if image.tag else len(image.name)
    end = len(image.name) + len(f":{image.tag}" if image.tag else "")
    return any(
        use.effect is not VariableEffect.UNCHOSEN and use.start == use.end and start <= use.start <= end
        for use in expansion.uses
    )
