"""Image references that `check` cannot evaluate: the reason, the next step, and the violation of a strict check."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, assert_never

from bot.core.choice.violations import format_short_reference
from bot.core.transition import shorten_digest
from bot.model.check import Violation
from bot.model.decision import (
    BlockedReference,
    Decision,
    HeldUpdate,
    ImageUpdate,
    RefusedUpdate,
    SkippedReference,
    SupersededReference,
    UncheckedReference,
    UnresolvedReference,
    UpToDate,
)
from bot.model.image_name import Digest
from bot.model.source import UnsupportedText
from bot.model.vocabulary import Reason, ViolationKind

if TYPE_CHECKING:  # not imported at run time, to keep start-up fast
    from bot.model.blocklist import Blocklist

_UNPINNED_REASONS = frozenset({Reason.NO_TAG, Reason.UNKNOWN_REGISTRY})
"""Reasons to skip a reference. A reference without a digest counts as unpinned in spite of these reasons."""
_UNKNOWN_IMAGE_REASONS = frozenset({Reason.MAYBE_OWN, Reason.UNKNOWN_REGISTRY})
"""Reasons for which the image of a digest is not looked up.

For all other reasons, a user or the file decided that the digest of a skipped reference stays as it is.
"""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}(?![0-9a-f])", re.ASCII)


def find_unevaluated_reason(decision: Decision, *, is_offline: bool) -> Reason | None:
    """Return the reason that a reference counts as neither pinned nor unpinned; None if it counts as one of them.

    A reference without a digest is unpinned if `find_violations` reports the missing digest. A reference with a digest
    is pinned, unless its image should have been looked up and its registry is not known. An offline check looks up no
    image, so a digest is enough.
    """
    has_digest = decision.reference.image.digest is not None
    match decision:
        case SkippedReference(reason=reason) if has_digest:
            return reason if reason in _UNKNOWN_IMAGE_REASONS and not is_offline else None
        case SkippedReference(reason=reason):
            return None if reason in _UNPINNED_REASONS else reason
        case HeldUpdate(reason=reason) | RefusedUpdate(reason=reason):
            return None if has_digest else reason
        case BlockedReference():
            return None if has_digest else Reason.DIGEST_BLOCKED
        case ImageUpdate() | UpToDate() | SupersededReference() | UnresolvedReference() | UncheckedReference():
            return None
    assert_never(decision)


def find_strict_violation(decision: Decision, unevaluated_reason: Reason | None) -> Violation | None:
    """Return the violation of a strict check for a reference that was not evaluated; None if it was evaluated.

    A reference with a digest also counts as not evaluated if its image could not be looked up. Without a digest, such a
    reference already has the violation UNPINNED, and gets no second violation.
    """
    reason = unevaluated_reason
    if isinstance(decision, UnresolvedReference) and decision.reference.image.digest is not None:
        reason = decision.reason
    if reason is None:
        return None
    return _build_violation(format_short_reference(decision.reference.image), reason)


def find_unreadable_violations(
    unreadable: UnsupportedText, blocklist: Blocklist, *, is_strict: bool
) -> Iterator[Violation]:
    """Yield the violations of a text in which no reference could be parsed, or of an unreadable file.

    The repository of such a text is not known, so each entry that blocks a digest in the text counts.
    """
    if unreadable.reason.facts.is_whole_file:
        subject = "the file"
    else:
        subject = unreadable.text
        yield from _find_blocked_digests(unreadable.text, blocklist)
    if is_strict:
        yield _build_violation(subject, unreadable.reason)


def _find_blocked_digests(text: str, blocklist: Blocklist) -> Iterator[Violation]:
    """Yield a violation for each blocked digest in a text, if possible only one for all repositories."""
    for digest in dict.fromkeys(map(Digest, _DIGEST.findall(text) if blocklist.by_digest else ())):
        entries = blocklist.by_digest.get(digest, ())
        entry = min(entries, key=lambda each: each.image is not None, default=None)
        if entry is not None:
            subject = text.replace(digest, shorten_digest(digest))
            where = f" in {entry.image}" if entry.image is not None else ""
            link = f" ({entry.block.link})" if entry.block.link else ""
            yield Violation(
                ViolationKind.BLOCKED,
                f"{subject} is blocked{where}: {entry.block.reason}{link}",
                remedy="write another digest, because basebump cannot read the reference",
            )


def _build_violation(subject: str, reason: Reason) -> Violation:
    problem = f"{subject} was not evaluated ({reason}): {reason.sentence.removesuffix('.')}"
    hint = f"hint: {step}" if (step := reason.facts.next_step) else ""
    return Violation(ViolationKind.NOT_EVALUATED, problem, unevaluated_reason=reason, remedy=hint)
