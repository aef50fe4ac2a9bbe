"""The newer form of cosign signatures: Sigstore bundles. Pure.

https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bot.core.evidence.public_keys import PublicKey
from bot.model.reference import Digest
from bot.model.signature import BadSignature, SignatureDefect, SignatureOutcome, UnsupportedSignature, VerifiedSignature
from bot.verifiers._encoding import parse_json_object, require_object
from bot.verifiers._statement import DsseEnvelope, read_envelope, read_statement

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
BUNDLE_TYPES = frozenset(
    {BUNDLE_TYPE, *(f"application/vnd.dev.sigstore.bundle+json;version=0.{minor}" for minor in (1, 2, 3))}
)
"""Bundles with the older names differ only in the certificates that they contain."""
PREDICATE_ANNOTATION = "dev.sigstore.bundle.predicateType"
"""Annotation with the predicate type of a bundle, which can be read before the bundle is fetched."""


@dataclass(frozen=True, slots=True)
class SignatureBundle:
    """A parsed, unverified bundle."""

    envelope: DsseEnvelope
    has_certificate: bool
    """True if it contains the signer's certificate; without one, only a known key can verify it."""


def read_bundle(content: bytes) -> SignatureBundle | UnsupportedSignature:
    """Parse a bundle. Raises BrokenError."""
    document = parse_json_object(content)
    if document.get("mediaType") not in BUNDLE_TYPES:
        return UnsupportedSignature("a Sigstore bundle of a version that this release does not support")
    if "dsseEnvelope" not in document:
        return UnsupportedSignature("a Sigstore bundle that contains something other than a statement")
    material: dict[str, Any] = require_object(document.get("verificationMaterial"))
    has_certificate = "certificate" in material or "x509CertificateChain" in material
    return SignatureBundle(read_envelope(require_object(document["dsseEnvelope"])), has_certificate)


def check_bundle(bundle: SignatureBundle, digest: Digest, keys: Iterable[PublicKey]) -> SignatureOutcome | None:
    """Return which of `keys` signed a statement about `digest`; None if the statement is not about an image's origin.

    Raises BrokenError.
    """
    envelope = bundle.envelope
    statement, is_about_digest = read_statement(envelope.payload, digest)
    if statement is None:
        return None
    if not is_about_digest:
        return BadSignature(SignatureDefect.OTHER_IMAGE)
    for key in keys:
        if any(key.has_signed(signature, envelope.signed_bytes) for signature in envelope.signatures):
            return VerifiedSignature(key.signer, statement)
    return BadSignature(SignatureDefect.OTHER_SIGNER)
