"""Requirements for signatures: the trusted signers of an image, and how a change of its signature affects an update."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.core.globs import is_any_glob_match
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

UNLISTED_SIGNER_DEFECTS = frozenset({SignatureDefect.OTHER_SIGNER, SignatureDefect.UNPROVED})
"""Defects that a signature by any unlisted signer has. These defects are not suspicious."""


@dataclass(frozen=True, slots=True)
class SignatureRejection:
    """Why the signatures of an update are not accepted."""

    reason: Reason
    """One of the reasons of the status `refused`, or of `unresolved` if the registry did not answer."""
    detail: str
    is_unknown: bool = False
    """True if the signatures could not be checked. The update is then neither refused nor accepted."""


def find_trust(trust_entries: Iterable[TrustEntry], repository: str) -> TrustEntry | None:
    """Return the first `trust` entry that matches `repository`, a canonical name; None if no entry does."""
    return next((each for each in trust_entries if is_any_glob_match(each.image_globs, repository)), None)


def check_signatures(signatures: TransitionSignatures | None, *, is_required: bool) -> SignatureRejection | None:
    """Return why the signatures of an update are not accepted; None if they are accepted.

    `is_required` is True if a rule requires a signature. Even without such a rule, the new image must have a verified
    signature if the old image has one. `signatures` is None if no `trust` entry matches the image.
    """
    if signatures is None:
        return SignatureRejection(Reason.UNSIGNED, "no entry of `trust` is about this image") if is_required else None
    was_signed = isinstance(signatures.old, VerifiedSignature)
    match signatures.new:
        case VerifiedSignature():
            return None
        case BadSignature(defect=SignatureDefect.OTHER_SIGNER) if was_signed:
            return SignatureRejection(
                Reason.SIGNER_CHANGED,
                f"{describe_signature(signatures.old)} before; now {describe_signature(signatures.new)}",
            )
        case BadSignature(defect=defect) if defect not in UNLISTED_SIGNER_DEFECTS or is_required or was_signed:
            return SignatureRejection(Reason.SIGNATURE_FAILED, describe_signature(signatures.new))
        case _ if not is_required and isinstance(signatures.old, SignatureUnknown):
            return _build_unknown_rejection(signatures.old)
        case _ if not is_required and not was_signed:
            return None
        case SignatureUnknown():
            return _build_unknown_rejection(signatures.new)
        case UnsupportedSignature():
            return SignatureRejection(Reason.SIGNATURE_FAILED, _describe_signature_change(signatures))
        case _:
            return SignatureRejection(Reason.UNSIGNED, _describe_signature_change(signatures))


def describe_signature(outcome: SignatureOutcome | None) -> str:
    """Return a phrase about the signature of an image that can be part of a sentence."""
    match outcome:
        case VerifiedSignature(signer=signer, statement=SignedStatement.PROVENANCE):
            return f"its provenance is signed by {signer.identity}"
        case VerifiedSignature(signer=signer):
            return f"signed by {signer.identity}"
        case BadSignature(defect=defect, detail=detail):
            return f"{defect.sentence}: {detail}" if detail else defect.sentence
        case UnsupportedSignature(detail=detail):
            return f"its signature cannot be verified: {detail}"
        case SignatureUnknown(detail=detail):
            return f"whether it is signed could not be found out: {detail}"
        case NoSignature() | None:
            return "it has no signature"


def describe_both_signatures(signatures: TransitionSignatures) -> str:
    """Return a phrase about the signatures of the old and the new image of an update, for a terminal."""
    if signatures.old is None:
        return describe_signature(signatures.new)
    is_unchanged = signatures.old == signatures.new
    before = ", as before" if is_unchanged else f"; before: {describe_signature(signatures.old)}"
    return f"{describe_signature(signatures.new)}{before}"


def _describe_signature_change(signatures: TransitionSignatures) -> str:
    old_phrase = (
        f"{describe_signature(signatures.old)} before; now " if isinstance(signatures.old, VerifiedSignature) else ""
    )
    return old_phrase + describe_signature(signatures.new)


def _build_unknown_rejection(outcome: SignatureUnknown) -> SignatureRejection:
    return SignatureRejection(outcome.reason, describe_signature(outcome), is_unknown=True)
