"""Find the slots for the digest and the tag of a reference that contains arguments, or why there are none.

A value is written behind, or over, the bytes of the reference's text, wherever in the file these stand. It is written
into the default of an argument only if everything that depends on the argument needs the same value at the same
position. It is also written only if overriding an argument of the tag removes the digest as well; otherwise the digest
would silently freeze the tag.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from bot.formats._syntax.dockerfile.expansion import Expansion, How, Run, Scope, Use
from bot.model.reference import ImageReference
from bot.model.source import EditSlot, NotEditable, Occurrence, Span
from bot.model.vocabulary import Reason

_Key = tuple[int, int, str, str | None]


class _Home(NamedTuple):
    """A slot in the file, and the run of bytes that contains it."""

    slot: EditSlot
    run: Run
    key: _Key
    """Equal for references that need the same value at this slot."""


class Composed(NamedTuple):
    """A reference that contains arguments, before all other uses of these arguments are known."""

    occurrence: Occurrence
    """Its slots count from the start of the reference's text."""
    expansion: Expansion
    written: str
    digest: _Home | NotEditable
    tag: _Home | NotEditable


def compose(occurrence: Occurrence, expansion: Expansion, written: str) -> Composed:
    """Find the file positions for the slots of an occurrence that was read from an expansion's text."""
    reference = occurrence.reference
    if reference.digest is None and _is_frozen(reference, expansion, len(expansion.text)):
        digest: _Home | NotEditable = NotEditable(Reason.COMPOSED_TAG)
    else:
        digest = _find(occurrence.digest_slot, expansion, reference.repository, reference.tag)
    if _has_open_end(reference, expansion):
        tag: _Home | NotEditable = NotEditable(Reason.COMPOSED_TAG)
    else:
        tag = _find(occurrence.tag_slot, expansion, reference.repository, None)
    return Composed(occurrence, expansion, written, digest, tag)


class Claims:
    """Collects the slots that all references of a file need in the defaults of its arguments."""

    def __init__(self) -> None:
        self._digests: dict[int, _Key | None] = {}
        """By argument: the key that all references agree on; None if they need none or different ones."""
        self._tags: dict[int, _Key | None] = {}

    def claim(self, place: Composed) -> None:
        """Record the slots that a reference needs."""
        for use in place.expansion.uses:
            if use.argument is not None:
                is_value = use.how is How.VALUE
                _agree(self._digests, use.argument, place.digest if is_value else None)
                _agree(self._tags, use.argument, place.tag if is_value else None)

    def spoil(self, uses: Iterable[Use]) -> None:
        """Record that arguments are used for something that is not a reference."""
        for use in uses:
            if use.argument is not None:
                self._digests[use.argument] = self._tags[use.argument] = None

    def is_used(self, argument: int) -> bool:
        """Return True if anything depends on an argument."""
        return argument in self._digests

    def settle(self, place: Composed, scope: Scope | None) -> Occurrence:
        """Return the final occurrence of a reference, after all uses in its file have been recorded."""
        digest, tag = _settled(place.digest, self._digests), _settled(place.tag, self._tags)
        lines = [*place.occurrence.related_lines]
        if isinstance(place.digest, _Home) and isinstance(digest, EditSlot):
            run = place.digest.run
            lines.append(run.line_number)
            if scope is not None and run.argument is not None:
                lines.append(scope.lines[run.argument])
        also_lines = tuple(line for line in dict.fromkeys(lines) if line != place.occurrence.line_number)
        return replace(
            place.occurrence,
            written=place.written,
            digest_slot=digest,
            tag_slot=tag,
            variables=place.expansion.variables,
            related_lines=also_lines,
        )


def _agree(claims: dict[int, _Key | None], argument: int, wanted: _Home | NotEditable | None) -> None:
    key = wanted.key if isinstance(wanted, _Home) else None
    if claims.setdefault(argument, key) != key:
        claims[argument] = None


def _settled(found: _Home | NotEditable, claims: dict[int, _Key | None]) -> EditSlot | NotEditable:
    if isinstance(found, NotEditable):
        return found
    argument = found.run.argument
    if argument is None or claims.get(argument) == found.key:
        return found.slot
    return NotEditable(Reason.SHARED_ARGUMENT)


def _find(wanted: EditSlot | NotEditable, expansion: Expansion, repository: str, tag: str | None) -> _Home | NotEditable:
    """Return the slot with file offsets, for a slot that counts from the start of the text."""
    if isinstance(wanted, NotEditable):
        return wanted
    start, end = wanted.span.start, wanted.span.end
    found = expansion.run_at(start, end)
    if found is None:
        return NotEditable(Reason.COMPOSED_TAG)
    run, file_start = found
    if run.argument is not None and sum(run is each for each in expansion.runs) > 1:
        return NotEditable(Reason.SHARED_ARGUMENT)
    span = Span(file_start, file_start + end - start)
    return _Home(EditSlot(span, wanted.old, wanted.prefix), run, (span.start, span.end, repository, tag))


def _is_frozen(reference: ImageReference, expansion: Expansion, end: int) -> bool:
    """Return True if a digest behind the text would stay when a user overrides an argument of the tag."""
    name_end = len(reference.name)
    return any(
        use.how is not How.ASIDE and _bears_on_tag(use, name_end, end) and not use.encloses(end)
        for use in expansion.uses
    )


def _bears_on_tag(use: Use, name_end: int, end: int) -> bool:
    """Return True if a part of the use may be in the tag; an empty use may become the tag or extend it."""
    return use.end > name_end or use.start == use.end == end


def _has_open_end(reference: ImageReference, expansion: Expansion) -> bool:
    """Return True if overriding an empty argument may extend the tag at either end."""
    start = len(reference.name) + 1 if reference.tag else len(reference.name)
    end = len(reference.name) + len(f":{reference.tag}" if reference.tag else "")
    return any(
        use.how is not How.ASIDE and use.start == use.end and start <= use.start <= end for use in expansion.uses
    )
