"""Who signed an image, as far as that could be found out; what goes wrong is a value, too."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.model.vocabulary import Reason


class Scheme(StrEnum):
    """How a signature names its signer."""

    COSIGN_KEY = "cosign-key"
    KEYLESS = "keyless"
    NOTATION = "notation"


@dataclass(frozen=True, slots=True)
class Signer:
    """Somebody whom the operator listed."""

    scheme: Scheme
    identity: str
    """Fit for people: the key's file and fingerprint, an issuer and whom it vouches for, a certificate's subject."""


class Statement(StrEnum):
    """What was signed."""

    SIGNATURE = "signature"
    """That the image is the signer's."""
    PROVENANCE = "provenance"
    """How the signer built it."""


@dataclass(frozen=True, slots=True)
class Signed:
    """Verified: a listed signer signed exactly this digest."""

    signer: Signer
    statement: Statement = Statement.SIGNATURE


@dataclass(frozen=True, slots=True)
class Unsigned:
    """Its registry was asked, and has no signature of a kind that the operator's trust is about."""


class Flaw(StrEnum):
    """Why no signature of an image counts."""

    OTHER_SIGNER = "other-signer"
    """It is about this image, and nobody whom the operator listed made it."""
    OTHER_IMAGE = "other-image"
    """It was made for another image, and copied."""
    BROKEN = "broken"
    """It cannot be what it claims to be."""
    UNPROVED = "unproved"
    """Nothing that is trusted vouches for who made it, or when."""

    @property
    def sentence(self) -> str:
        """The same in a sentence, for people."""
        return _SENTENCES[self]


_SENTENCES: dict[Flaw, str] = {
    Flaw.OTHER_SIGNER: "its signature is by nobody whom `trust` lists for it",
    Flaw.OTHER_IMAGE: "its signature was made for another image",
    Flaw.BROKEN: "its signature is damaged",
    Flaw.UNPROVED: "nothing that is trusted vouches for its signature",
}


@dataclass(frozen=True, slots=True)
class BadSignature:
    """There is a signature, and it does not hold."""

    flaw: Flaw
    detail: str = ""
    """Which one, and what is known of it."""


@dataclass(frozen=True, slots=True)
class UnsupportedSignature:
    """There is a signature, of a kind that this release cannot verify; that says nothing of the image."""

    detail: str


@dataclass(frozen=True, slots=True)
class SignatureUnknown:
    """The registry could not be asked."""

    reason: Reason
    """One of the reasons of `unresolved`."""
    detail: str
    is_failure: bool
    """Whether basebump could not do its work, as RegistryError says it."""


SignatureOutcome = Signed | Unsigned | BadSignature | UnsupportedSignature | SignatureUnknown


@dataclass(frozen=True, slots=True)
class Signatures:
    """What is known of the signatures of one transition."""

    old: SignatureOutcome | None
    """None where the place held no digest, so there is nothing to compare with."""
    new: SignatureOutcome
