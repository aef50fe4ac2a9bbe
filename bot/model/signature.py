"""Signatures of images, their signers, and the outcomes of verification. A failed lookup is an outcome as well."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.model.vocabulary import Reason


class SignatureScheme(StrEnum):
    """The kind of a signature, which determines how its signer is identified."""

    COSIGN_KEY = "cosign-key"
    KEYLESS = "keyless"
    NOTATION = "notation"


@dataclass(frozen=True, slots=True)
class Signer:
    """A trusted signer who is listed in the config."""

    scheme: SignatureScheme
    identity: str
    """The signer as shown to users: the file and fingerprint of a key, an issuer and the identity that it confirmed, or
    the subject of a certificate."""


class SignedStatement(StrEnum):
    """The kind of statement about an image that a signer signed."""

    SIGNATURE = "signature"
    """The image comes from the signer."""
    PROVENANCE = "provenance"
    """The signer built the image in the stated way."""


@dataclass(frozen=True, slots=True)
class VerifiedSignature:
    """The outcome that a trusted signer signed exactly this digest."""

    signer: Signer
    statement: SignedStatement = SignedStatement.SIGNATURE


@dataclass(frozen=True, slots=True)
class NoSignature:
    """The outcome that the image has no signature of a kind that its `trust` entry accepts."""


class SignatureDefect(StrEnum):
    """The reason that a signature is not valid."""

    OTHER_SIGNER = "other-signer"
    """The signature is for this image, but its signer is not trusted."""
    OTHER_IMAGE = "other-image"
    """The signature was made for another image, and was copied to this image."""
    BROKEN = "broken"
    """The signature is damaged."""
    UNPROVED = "unproved"
    """No trusted authority or log confirms the signer or the time of the signature."""

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
    """The outcome that the image has a signature, but the signature is not valid."""

    defect: SignatureDefect
    detail: str = ""
    """Information about the signature that is not valid; may be empty."""


@dataclass(frozen=True, slots=True)
class UnsupportedSignature:
    """The outcome that this release cannot verify the kind of the signature, which may be valid or not."""

    detail: str


@dataclass(frozen=True, slots=True)
class SignatureUnknown:
    """The outcome that the signatures of the image could not be looked up."""

    reason: Reason
    """One of the reasons of the status `unresolved`."""
    detail: str
    is_failure: bool
    """True if basebump could not do its work, with the same meaning as in RegistryError."""


SignatureOutcome = VerifiedSignature | NoSignature | BadSignature | UnsupportedSignature | SignatureUnknown


@dataclass(frozen=True, slots=True)
class TransitionSignatures:
    """The outcomes of verifying the signatures of the old and the new image of an update."""

    old: SignatureOutcome | None
    """None if the file contains no digest, so that there is no old image to compare with."""
    new: SignatureOutcome
