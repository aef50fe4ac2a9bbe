"""The entries of `trust` in the config file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from bot.model.config_types import texts
from bot.model.config_types.markers import Example, NonEmptyList, OneOrMore
from bot.model.errors import ConfigProblem
from bot.model.trust import TrustedIdentity
from bot.settings.entries import Entry, Problems
from bot.settings.paths import ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class NotationSection:
    """Signers who use Notation.

    The certificate of a signer must be issued by one of the authorities in `certificates`, and must have all attributes
    of one of `subjects`.
    """

    certificates: Annotated[NonEmptyList[texts.Text], Example(["keys/acme-root.pem"])]
    """Files with CA certificates in PEM format, as in Notation's trust store. The paths are relative to this config
    file.
    """
    subjects: Annotated[NonEmptyList[texts.Text], Example(["C=US,ST=WA,O=Acme"])]
    """Attributes in the subject of a signer's certificate, in any order: `C=US,ST=WA,O=Acme` (RFC 4514)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustConfigEntry:
    """The config entry with the trusted signers of some images.

    At least one of `keys`, `keyless` and `notation` is required.
    """

    image: Annotated[OneOrMore[texts.ImageGlob], Example(["registry.example.com/acme/**"])]
    """Globs for the canonical repository, such as `registry.example.com/acme/**`."""
    keys: Annotated[NonEmptyList[texts.Text], Example(["keys/acme.pub"])] = ()
    """Files with public keys in PEM format, for signatures by cosign. The paths are relative to this config file."""
    keyless: NonEmptyList[TrustedIdentity] = ()
    """Signers who sign without a key. Requires the extra `keyless`."""
    trusted_root: Annotated[ConfigPath | None, Example("keys/sigstore.json")] = None
    """A file with the certificate authorities and logs to trust for `keyless`. The path is relative to this config
    file. Default: Sigstore's public authorities and logs.
    """
    notation: NotationSection | None = None
    """Signers who use Notation."""
    signed_as: Annotated[tuple[texts.ImageGlob, ...], Example(["ghcr.io/acme/**"])] = ()
    """Globs for other repositories that a signature by cosign may name, if the images were copied from there together
    with their signatures. Default: if a signature names a repository, it counts only for images in this repository.
    """


def check_trust(entries: Iterable[Entry[TrustConfigEntry]]) -> Problems:
    """Yield a problem for each entry without signers, and for each trusted root that is not used."""
    for entry in entries:
        trust = entry.value
        if trust is not None and not (trust.keys or trust.keyless or trust.notation):
            message = "the entry trusts no signer; hint: list the trusted signers under `keys`, `keyless` or `notation`"
            yield ConfigProblem(entry.where, message)
        if trust is not None and trust.trusted_root is not None and not trust.keyless:
            message = "has no effect without `keyless`: public keys are trusted as they are; hint: remove it"
            yield ConfigProblem(f"{entry.where}.trusted_root", message)
