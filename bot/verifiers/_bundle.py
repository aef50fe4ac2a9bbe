"""The newer form of cosign's signatures: Sigstore's bundles. Pure.

https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bot.core.evidence.keys import PublicKey
from bot.model.reference import Digest
from bot.model.signature import BadSignature, Flaw, SignatureOutcome, Signed, UnsupportedSignature
from bot.verifiers._encoding import as_object, json_object
from bot.verifiers._statement import Envelope, read_envelope, read_statement

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
BUNDLES = frozenset({BUNDLE, *(f"application/vnd.dev.sigstore.bundle+json;version=0.{minor}" for minor in (1, 2, 3))})
"""The older names are of bundles that differ only in what a certificate brings along."""
PREDICATE = "dev.sigstore.bundle.predicateType"
"""An annotation that says what is in a bundle, before it is fetched."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that was read, and not verified."""

    envelope: Envelope
    has_certificate: bool
    """Whether it says itself by whom it is; otherwise only a key that is known can tell."""


def read_bundle(content: bytes) -> Bundle | UnsupportedSignature:
    """Read a bundle. Raises BrokenError."""
    document = json_object(content)
    if document.get("mediaType") not in BUNDLES:
        return UnsupportedSignature("a Sigstore bundle of a version that this release does not read")
    if "dsseEnvelope" not in document:
        return UnsupportedSignature("a Sigstore bundle around something else than a statement")
    material: dict[str, Any] = as_object(document.get("verificationMaterial"))
    has_certificate = "certificate" in material or "x509CertificateChain" in material
    return Bundle(read_envelope(as_object(document["dsseEnvelope"])), has_certificate)


def check_bundle(bundle: Bundle, digest: Digest, keys: Iterable[PublicKey]) -> SignatureOutcome | None:
    """Return who of `keys` signed a statement about `digest`; None where it is about something else than who made it.

    Raises BrokenError.
    """
    envelope = bundle.envelope
    statement, is_about_it = read_statement(envelope.payload, digest)
    if statement is None:
        return None
    if not is_about_it:
        return BadSignature(Flaw.OTHER_IMAGE)
    for key in keys:
        if any(key.made(signature, envelope.signed) for signature in envelope.signatures):
            return Signed(key.signer, statement)
    return BadSignature(Flaw.OTHER_SIGNER)
