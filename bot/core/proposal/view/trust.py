"""What a template sees of who signed an image."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from bot.core.markdown import Text
from bot.core.notes import MAX_NOTE
from bot.model.signature import (
    BadSignature,
    Flaw,
    Scheme,
    SignatureOutcome,
    Signatures,
    SignatureUnknown,
    Signed,
    Statement,
    Unsigned,
    UnsupportedSignature,
)


class SignatureState(StrEnum):
    """What was found out of who signed one image."""

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
        """The same in a sentence, for people."""
        return _SENTENCES.get(self) or Flaw(self).sentence


_SENTENCES: dict[SignatureState, str] = {
    SignatureState.SIGNED: "somebody whom `trust` lists signed it",
    SignatureState.UNSIGNED: "it has no signature",
    SignatureState.UNSUPPORTED: "its signature is of a kind that cannot be verified, which says nothing of it",
    SignatureState.UNKNOWN: "whether it is signed could not be found out",
}


@dataclass(frozen=True, slots=True)
class SignatureView:
    """Who signed one image, or why nobody can be named."""

    state: SignatureState
    signer: Text | None
    """Whom `trust` lists; only where it is `signed`."""
    scheme: Scheme | None
    statement: Statement | None
    """What the signer signed: the image (`signature`), or how it was built (`provenance`)."""
    detail: Text | None
    """What else is known of why it is not `signed`."""


@dataclass(frozen=True, slots=True)
class TrustView:
    """The signatures of both images of a move."""

    old: SignatureView | None
    """None where there was no digest."""
    new: SignatureView
    is_unchanged: bool
    """Whether the same was found of both: one signer who signed the same of each, or none for one reason."""


def trust_view(found: Signatures) -> TrustView:
    return TrustView(
        old=signature_view(found.old) if found.old is not None else None,
        new=signature_view(found.new),
        is_unchanged=found.old == found.new,
    )


def signature_view(outcome: SignatureOutcome) -> SignatureView:
    match outcome:
        case Signed(signer=signer, statement=statement):
            return SignatureView(
                SignatureState.SIGNED, Text(signer.identity, MAX_NOTE), signer.scheme, statement, detail=None
            )
        case BadSignature(flaw=flaw, detail=detail):
            return _unsigned(SignatureState(flaw), detail)
        case UnsupportedSignature(detail=detail):
            return _unsigned(SignatureState.UNSUPPORTED, detail)
        case SignatureUnknown(detail=detail):
            return _unsigned(SignatureState.UNKNOWN, detail)
        case Unsigned():
            return _unsigned(SignatureState.UNSIGNED)
    assert_never(outcome)


def _unsigned(state: SignatureState, detail: str = "") -> SignatureView:
    return SignatureView(state, None, None, None, Text(detail, MAX_NOTE) if detail else None)
