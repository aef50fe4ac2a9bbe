"""Signatures of images and their signers; failed lookups are values, too."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.model.vocabulary import Reason


class SignatureScheme(StrEnum):
    """How a signature identifies its signer."""

    COSIGN_KEY = "cosign-key"
    KEYLESS = "keyless"
    NOTATION = "notation"


@dataclass(frozen=True, slots=True)
class Signer:
    """A trusted signer from the config."""

    scheme: SignatureScheme
    identity: str
    """For display: a key's file and fingerprint, an issuer and the identity it confirmed, a certificate's subject."""


class SignedStatement(StrEnum):
    """The statement that was signed."""

    SIGNATURE = "signature"
    """The image comes from the signer."""
    PROVENANCE = "provenance"
    """How the signer built the image."""


@dataclass(frozen=True, slots=True)
class VerifiedSignature:
    """A verified signature: a trusted signer signed exactly this digest."""

    signer: Signer
    statement: SignedStatement = SignedStatement.SIGNATURE


@dataclass(frozen=True, slots=True)
class NoSignature:
    """The registry has no signature of a kind that the `trust` entry accepts."""


class SignatureDefect(StrEnum):
    """Why no signature of an image is valid."""

    OTHER_SIGNER = "other-signer"
    """The signature is for this image, but not by a trusted signer."""
    OTHER_IMAGE = "other-image"
    """The signature was made for another image and copied."""
    BROKEN = "broken"
    """The signature is damaged."""
    UNPROVED = "unproved"
    """No trusted authority or log confirms who made the signature, or when."""

    @property
    def sentence(self) -> str:
        """The defect as a sentence."""
        return _DEFECT_SENTENCES[self]


_DEFECT_SENTENCES: dict[SignatureDefect, str] = {
    SignatureDefect.OTHER_SIGNER: "its signature is not by a signer that `trust` lists for it",
    SignatureDefect.OTHER_IMAGE: "its signature was made for another image",
    SignatureDefect.BROKEN: "its signature is damaged",
    SignatureDefect.UNPROVED: "no trusted authority confirms its signature",
}


@dataclass(frozen=True, slots=True)
class BadSignature:
    """There is a signature, and it is not valid."""

    defect: SignatureDefect
    detail: str = ""
    """The signature that is meant, and further information about it."""


@dataclass(frozen=True, slots=True)
class UnsupportedSignature:
    """There is a signature of a kind that this release cannot verify; the image may be trustworthy or not."""

    detail: str


@dataclass(frozen=True, slots=True)
class SignatureUnknown:
    """The signatures could not be looked up."""

    reason: Reason
    """One of the reasons of `unresolved`."""
    detail: str
    is_failure: bool
    """True if basebump could not do its work, as in RegistryError."""


SignatureOutcome = VerifiedSignature | NoSignature | BadSignature | UnsupportedSignature | SignatureUnknown


@dataclass(frozen=True, slots=True)
class TransitionSignatures:
    """The signatures of both images of a transition."""

    old: SignatureOutcome | None
    """None if the file contains no digest, so that there is no old image to compare with."""
    new: SignatureOutcome
