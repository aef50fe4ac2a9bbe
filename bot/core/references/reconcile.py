"""Conflicts between image references whose digest is written in the same bytes, for example with a YAML anchor.

Such references can only be updated together, to the same digest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from bot.model.decision import Decision, ImageUpdate, SkippedReference
from bot.model.image_name import Digest
from bot.model.source import EditSlot, FilePath, Reference, Span
from bot.model.vocabulary import Reason

_DigestBytes = tuple[FilePath, Span]


def reconcile_decisions(decisions: Sequence[Decision]) -> tuple[Decision, ...]:
    """Replace each update that conflicts with another decision by a `SkippedReference`.

    Two references conflict if their digest is written in the same bytes, and their decisions differ: only one of them
    is updated, or each is updated to a different digest.
    """
    digests_by_bytes: dict[_DigestBytes, set[Digest | None]] = defaultdict(set)
    for decision in decisions:
        digest_bytes = _get_digest_bytes(decision.reference)
        if digest_bytes is not None:
            digests_by_bytes[digest_bytes].add(
                decision.candidates[0].digest if isinstance(decision, ImageUpdate) else None
            )
    return tuple(_skip_if_conflicting(decision, digests_by_bytes) for decision in decisions)


def find_sharing_with_skipped(decisions: Sequence[Decision]) -> frozenset[Reference]:
    """Return the references whose digest is written in the same bytes as the digest of a skipped reference.

    These references cannot be updated, because this would also change the skipped reference. Their tags are therefore
    not looked up.
    """
    skipped_bytes = {_get_digest_bytes(each.reference) for each in decisions if isinstance(each, SkippedReference)} - {
        None
    }
    return frozenset(
        each.reference
        for each in decisions
        if not isinstance(each, SkippedReference) and _get_digest_bytes(each.reference) in skipped_bytes
    )


def _skip_if_conflicting(decision: Decision, digests_by_bytes: dict[_DigestBytes, set[Digest | None]]) -> Decision:
    digest_bytes = _get_digest_bytes(decision.reference)
    if isinstance(decision, ImageUpdate) and digest_bytes is not None and len(digests_by_bytes[digest_bytes]) > 1:
        return SkippedReference(decision.reference, Reason.CONFLICTING_EDITS, decision.tracked_image)
    return decision


def _get_digest_bytes(reference: Reference) -> _DigestBytes | None:
    return (reference.path, reference.digest_slot.span) if isinstance(reference.digest_slot, EditSlot) else None
