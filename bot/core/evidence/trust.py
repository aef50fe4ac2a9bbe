"""Whom the operator trusts to sign an image, and what a change of signatures means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.core.globs import matches
from bot.model.signature import (
    BadSignature,
    Flaw,
    SignatureOutcome,
    Signatures,
    SignatureUnknown,
    Signed,
    Statement,
    Unsigned,
    UnsupportedSignature,
)
from bot.model.trust import Trust
from bot.model.vocabulary import Reason

OF_STRANGERS = frozenset({Flaw.OTHER_SIGNER, Flaw.UNPROVED})
"""What anybody's signature may have who is not listed, and that is no sign of anything wrong."""


@dataclass(frozen=True, slots=True)
class Distrust:
    """Why an update does not pass for its signatures."""

    reason: Reason
    """One of `refused`; or one of `unresolved`, where a registry could not say."""
    detail: str
    is_unknown: bool = False
    """Whether nobody could say, so that nothing is refused and nothing passes."""


def trust_for(trusts: Iterable[Trust], repository: str) -> Trust | None:
    """Return the first entry that is about a canonical repository."""
    return next((each for each in trusts if any(matches(glob, repository) for glob in each.image)), None)


def distrust(found: Signatures | None, *, is_required: bool) -> Distrust | None:
    """Return why a move does not pass for its signatures, None where it passes.

    A signature that was verified before must be verified again, whether a rule requires one or not. `found` is None
    where nobody is trusted to sign the image.
    """
    if found is None:
        return Distrust(Reason.UNSIGNED, "no entry of `trust` is about this image") if is_required else None
    was_signed = isinstance(found.old, Signed)
    match found.new:
        case Signed():
            return None
        case BadSignature(flaw=Flaw.OTHER_SIGNER) if was_signed:
            return Distrust(Reason.SIGNER_CHANGED, f"{spoken(found.old)} before; now {spoken(found.new)}")
        case BadSignature(flaw=flaw) if flaw not in OF_STRANGERS or is_required or was_signed:
            return Distrust(Reason.SIGNATURE_FAILED, spoken(found.new))
        case _ if not is_required and isinstance(found.old, SignatureUnknown):
            return _unknown(found.old)
        case _ if not is_required and not was_signed:
            return None
        case SignatureUnknown():
            return _unknown(found.new)
        case UnsupportedSignature():
            return Distrust(Reason.SIGNATURE_FAILED, _compared(found))
        case _:
            return Distrust(Reason.UNSIGNED, _compared(found))


def spoken(outcome: SignatureOutcome | None) -> str:
    """Return what was found of one image, as a part of a sentence."""
    match outcome:
        case Signed(signer=signer, statement=Statement.PROVENANCE):
            return f"its provenance is signed by {signer.identity}"
        case Signed(signer=signer):
            return f"signed by {signer.identity}"
        case BadSignature(flaw=flaw, detail=detail):
            return f"{flaw.sentence}: {detail}" if detail else flaw.sentence
        case UnsupportedSignature(detail=detail):
            return f"its signature cannot be verified: {detail}"
        case SignatureUnknown(detail=detail):
            return f"whether it is signed could not be found out: {detail}"
        case Unsigned() | None:
            return "it has no signature"


def both_spoken(found: Signatures) -> str:
    """Return what was found of both images of a move, as a sentence for a terminal."""
    if found.old is None:
        return spoken(found.new)
    return f"{spoken(found.new)}{', as before' if found.old == found.new else f'; before: {spoken(found.old)}'}"


def _compared(found: Signatures) -> str:
    before = f"{spoken(found.old)} before; now " if isinstance(found.old, Signed) else ""
    return before + spoken(found.new)


def _unknown(outcome: SignatureUnknown) -> Distrust:
    return Distrust(outcome.reason, spoken(outcome), is_unknown=True)
