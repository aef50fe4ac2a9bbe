"""The signers that the operator trusts, and the images for which they are trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from bot.model.config_types.addresses import IssuerUrl
from bot.model.config_types.markers import Example
from bot.model.config_types.texts import IdentityGlob


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key that signs images."""

    name: str
    """The file name, as it is written in the config."""
    pem: bytes


@dataclass(frozen=True, slots=True)
class TrustedIdentity:
    """The config entry for a signer who signs without a key.

    An issuer, such as a login service, confirms the signer's identity at the time of signing.
    """

    issuer: Annotated[IssuerUrl, Example("https://token.actions.githubusercontent.com")]
    """The URL of the OIDC issuer. The issuer of GitHub workflows is `https://token.actions.githubusercontent.com`."""
    identity: Annotated[
        IdentityGlob, Example("https://github.com/acme/images/.github/workflows/release.yaml@refs/tags/*")
    ]
    """A glob for the identity that the issuer vouches for: an e-mail address, or the URL of a workflow with its ref."""


@dataclass(frozen=True, slots=True)
class NotationTrust:
    """The signers that are trusted to sign with the tool Notation."""

    certificates: tuple[bytes, ...]
    """PEM files with the certificate authorities that are trusted to certify signers."""
    subjects: tuple[str, ...]
    """Subjects of signers' certificates (RFC 4514). A certificate must have all attributes of one of the subjects."""


@dataclass(frozen=True, slots=True)
class TrustEntry:
    """An entry of `trust` in the config: some images, and the signers that are trusted for these images.

    A valid signature of one of the signers is enough.
    """

    image_globs: tuple[str, ...]
    """Globs for canonical repository names. The entry applies to an image if one of the globs matches."""
    keys: tuple[TrustedKey, ...] = ()
    identities: tuple[TrustedIdentity, ...] = ()
    trusted_root: str | None = None
    """Path of a file with the authorities and logs that confirm `identities`; None for Sigstore's public instance."""
    notation: NotationTrust | None = None
    signed_as: tuple[str, ...] = ()
    """Globs for other canonical repositories that cosign's signatures of the images may name."""
