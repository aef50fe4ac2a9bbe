"""The signers that the operator trusts, and for which images."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key that signs images."""

    name: str
    """The file name as in the config."""
    pem: bytes


@dataclass(frozen=True, slots=True)
class TrustedIdentity:
    """A signer without a key: an issuer confirms the identity at the moment of signing (keyless signing)."""

    issuer: str
    """The full URL of the issuer."""
    identity: str
    """A glob over the identities that the issuer confirms: an email address, or the URL of a workflow."""


@dataclass(frozen=True, slots=True)
class NotationTrust:
    """The signers that are trusted to sign with Notation."""

    certificates: tuple[bytes, ...]
    """PEM files with the certificate authorities that are trusted to certify signers."""
    subjects: tuple[str, ...]
    """Subjects of signers' certificates in RFC 4514 form; a certificate must have all attributes of one of them."""


@dataclass(frozen=True, slots=True)
class TrustEntry:
    """The trusted signers of some images; a signature of one of them is enough."""

    image_globs: tuple[str, ...]
    """Globs over canonical repositories; one must match."""
    keys: tuple[TrustedKey, ...] = ()
    identities: tuple[TrustedIdentity, ...] = ()
    trusted_root: str | None = None
    """Path of a file with the authorities and logs that confirm `identities`; None for Sigstore's public instance."""
    notation: NotationTrust | None = None
