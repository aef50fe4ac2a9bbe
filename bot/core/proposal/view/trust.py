"""Template data for the signatures of an image."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from bot.core.markdown import Text
from bot.core.notes import MAX_NOTE_LENGTH
from bot.model.signature import (
    BadSignature,
    NoSignature,
    SignatureDefect,
    SignatureOutcome,
    SignatureScheme,
    SignatureUnknown,
    SignedStatement,
    TransitionSignatures,
    UnsupportedSignature,
    VerifiedSignature,
)


class SignatureState(StrEnum):
    """The result of the signature check of one image."""

    SIGNED = "signed"
    UNSIGNED = "unsigned"
    OTHER_SIGNER = "other-signer"
    OTHER_IMAGE = "other-image"
    BROKEN = "broken"
    UNPROVED = "unproved"
    UNSUPPORTED = "unsupported"
    UNKNOWN = "unknown"

    @property
    def sentence(self) -> str:
        """A sentence that explains the state."""
        return _STATE_SENTENCES.get(self) or SignatureDefect(self).sentence


_STATE_SENTENCES: dict[SignatureState, str] = {
    SignatureState.SIGNED: "somebody whom `trust` lists signed it",
    SignatureState.UNSIGNED: "it has no signature",
    SignatureState.UNSUPPORTED: "its signature is of a kind that cannot be verified, which says nothing of it",
    SignatureState.UNKNOWN: "whether it is signed could not be found out",
}


@dataclass(frozen=True, slots=True)
class SignatureView:
    """The signature of one image, or the reason why the image has no trusted signature."""

    state: SignatureState
    signer: Text | None
    """A signer listed in `trust`; None unless the state is `signed`."""
    scheme: SignatureScheme | None
    statement: SignedStatement | None
    """The signed statement, which is about the image (`signature`) or about its build (`provenance`)."""
    detail: Text | None
    """Further details about a state other than `signed`."""


@dataclass(frozen=True, slots=True)
class TrustView:
    """The signatures of both images of an update."""

    old: SignatureView | None
    """The signature of the old image; None if the file has no digest."""
    new: SignatureView
    is_unchanged: bool
    """True if both results are the same: either the same signer and statement or, if neither image has a signer, the
    same state."""


def build_trust_view(signatures: TransitionSignatures) -> TrustView:
    return TrustView(
        old=build_signature_view(signatures.old) if signatures.old is not None else None,
        new=build_signature_view(signatures.new),
        is_unchanged=signatures.old == signatures.new,
    )


def get_signature_state(outcome: SignatureOutcome) -> SignatureState:
    """Return the state of a signature, as the word that templates and fingerprints use."""
    match outcome:
        case VerifiedSignature():
            return SignatureState.SIGNED
        case BadSignature(defect=defect):
            return SignatureState(defect)
        case UnsupportedSignature():
            return SignatureState.UNSUPPORTED
        case SignatureUnknown():
            return SignatureState.UNKNOWN
        case NoSignature():
            return SignatureState.UNSIGNED
    assert_never(outcome)


def build_signature_view(outcome: SignatureOutcome) -> SignatureView:
    state = get_signature_state(outcome)
    if isinstance(outcome, VerifiedSignature):
        signer = outcome.signer
        return SignatureView(state, Text(signer.identity, MAX_NOTE_LENGTH), signer.scheme, outcome.statement, None)
    detail = outcome.detail if not isinstance(outcome, NoSignature) else ""
    return SignatureView(state, None, None, None, Text(detail, MAX_NOTE_LENGTH) if detail else None)
