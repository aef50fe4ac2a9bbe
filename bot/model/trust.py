"""Whom the operator trusts to sign which images."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key that signs images."""

    name: str
    """As the config calls its file."""
    pem: bytes


@dataclass(frozen=True, slots=True)
class TrustedIdentity:
    """Somebody who signs without a key of their own: an issuer says at the moment of signing who they are."""

    issuer: str
    """Its URL, in full."""
    identity: str
    """A glob over whom the issuer vouches for: an address, or the URL of a workflow."""


@dataclass(frozen=True, slots=True)
class NotationTrust:
    """Who may sign with Notation."""

    certificates: tuple[bytes, ...]
    """Files in PEM form, with the authorities that are trusted to vouch for signers."""
    subjects: tuple[str, ...]
    """Of signers' certificates, as RFC 4514 writes them; one must have all that one of these says."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Who may sign some images; a signature of any one of them will do."""

    image: tuple[str, ...]
    """Globs over canonical repositories; one must match."""
    keys: tuple[TrustedKey, ...] = ()
    identities: tuple[TrustedIdentity, ...] = ()
    root: str | None = None
    """The path of a file with the authorities and logs that vouch for `identities`; None for Sigstore's public ones."""
    notation: NotationTrust | None = None
