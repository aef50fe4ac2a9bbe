"""Signature requirements: the trusted signers of an image, and the effect of changed signatures on an update."""

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
"""Defects that the signature of any unlisted signer has, and that are not suspicious."""


@dataclass(frozen=True, slots=True)
class Distrust:
    """Why the signatures of an update do not pass."""

    reason: Reason
    """A reason of the status `refused`, or of `unresolved` if the registry gave no answer."""
    detail: str
    is_unknown: bool = False
    """Whether the signatures could not be checked, so that the update is neither refused nor passed."""


def trust_for(trusts: Iterable[Trust], repository: str) -> Trust | None:
    """Return the first `trust` entry that matches a canonical repository, or None."""
    return next((each for each in trusts if any(matches(glob, repository) for glob in each.image)), None)


def distrust(found: Signatures | None, *, is_required: bool) -> Distrust | None:
    """Return why the signatures of an update do not pass, or None if they pass.

    If the signature of the old image was verified, that of the new one must be, even if no rule requires it.
    `signatures` is None if no `trust` entry matches the image.
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
    """Describe the signature of an image, as a part of a sentence."""
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
    """Describe the signatures of both images of an update, for a terminal."""
    if found.old is None:
        return spoken(found.new)
    return f"{spoken(found.new)}{', as before' if found.old == found.new else f'; before: {spoken(found.old)}'}"


def _compared(found: Signatures) -> str:
    before = f"{spoken(found.old)} before; now " if isinstance(found.old, Signed) else ""
    return before + spoken(found.new)


def _unknown(outcome: SignatureUnknown) -> Distrust:
    return Distrust(outcome.reason, spoken(outcome), is_unknown=True)
