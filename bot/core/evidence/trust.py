"""Signature requirements: the trusted signers of an image, and the effect of changed signatures on an update."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.core.globs import matches
from bot.model.signature import (
    BadSignature,
    NoSignature,
    SignatureDefect,
    SignatureOutcome,
    SignatureUnknown,
    SignedStatement,
    TransitionSignatures,
    UnsupportedSignature,
    VerifiedSignature,
)
from bot.model.trust import TrustEntry
from bot.model.vocabulary import Reason

OF_STRANGERS = frozenset({SignatureDefect.OTHER_SIGNER, SignatureDefect.UNPROVED})
"""Defects that the signature of any unlisted signer has, and that are not suspicious."""


@dataclass(frozen=True, slots=True)
class Distrust:
    """Why the signatures of an update do not pass."""

    reason: Reason
    """A reason of the status `refused`, or of `unresolved` if the registry gave no answer."""
    detail: str
    is_unknown: bool = False
    """Whether the signatures could not be checked, so that the update is neither refused nor passed."""


def trust_for(trusts: Iterable[TrustEntry], repository: str) -> TrustEntry | None:
    """Return the first `trust` entry that matches a canonical repository, or None."""
    return next((each for each in trusts if any(matches(glob, repository) for glob in each.image_globs)), None)


def distrust(found: TransitionSignatures | None, *, is_required: bool) -> Distrust | None:
    """Return why the signatures of an update do not pass, or None if they pass.

    If the signature of the old image was verified, that of the new one must be, even if no rule requires it.
    `signatures` is None if no `trust` entry matches the image.
    """
    if found is None:
        return Distrust(Reason.UNSIGNED, "no entry of `trust` is about this image") if is_required else None
    was_signed = isinstance(found.old, VerifiedSignature)
    match found.new:
        case VerifiedSignature():
            return None
        case BadSignature(defect=SignatureDefect.OTHER_SIGNER) if was_signed:
            return Distrust(Reason.SIGNER_CHANGED, f"{spoken(found.old)} before; now {spoken(found.new)}")
        case BadSignature(defect=flaw) if flaw not in OF_STRANGERS or is_required or was_signed:
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
        case VerifiedSignature(signer=signer, statement=SignedStatement.PROVENANCE):
            return f"its provenance is signed by {signer.identity}"
        case VerifiedSignature(signer=signer):
            return f"signed by {signer.identity}"
        case BadSignature(defect=flaw, detail=detail):
            return f"{flaw.sentence}: {detail}" if detail else flaw.sentence
        case UnsupportedSignature(detail=detail):
            return f"its signature cannot be verified: {detail}"
        case SignatureUnknown(detail=detail):
            return f"whether it is signed could not be found out: {detail}"
        case NoSignature() | None:
            return "it has no signature"


def both_spoken(found: TransitionSignatures) -> str:
    """Describe the signatures of both images of an update, for a terminal."""
    if found.old is None:
        return spoken(found.new)
    return f"{spoken(found.new)}{', as before' if found.old == found.new else f'; before: {spoken(found.old)}'}"


def _compared(found: TransitionSignatures) -> str:
    before = f"{spoken(found.old)} before; now " if isinstance(found.old, VerifiedSignature) else ""
    return before + spoken(found.new)


def _unknown(outcome: SignatureUnknown) -> Distrust:
    return Distrust(outcome.reason, spoken(outcome), is_unknown=True)
