"""The older form of cosign signatures: a small signed payload that contains the digest. Pure.

https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
"""

from __future__ import annotations

from collections.abc import Iterable

from bot.core.evidence.keys import PublicKey
from bot.model.artifact import Blob
from bot.model.reference import Digest
from bot.model.signature import BadSignature, SignatureDefect, SignatureOutcome, VerifiedSignature
from bot.verifiers._encoding import BrokenError, as_object, decoded, json_object

PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
CERTIFICATE = "dev.sigstore.cosign/certificate"
"""Annotation with the signer's certificate, for signatures without a stored key."""
TYPE = "cosign container image signature"


def check_payload(blob: Blob, payload: bytes, digest: Digest, keys: Iterable[PublicKey]) -> SignatureOutcome:
    """Return which of `keys` signed `payload`, which must be about `digest`.

    The signature is in the annotations of `blob`.
    """
    try:
        signature = decoded(blob.annotations.get(SIGNATURE))
        named = _named_digest(payload)
    except BrokenError as error:
        return BadSignature(SignatureDefect.BROKEN, str(error))
    if named != digest:
        return BadSignature(SignatureDefect.OTHER_IMAGE)
    for key in keys:
        if key.has_signed(signature, payload):
            return VerifiedSignature(key.signer)
    return BadSignature(SignatureDefect.OTHER_SIGNER)


def _named_digest(payload: bytes) -> object:
    """Return the digest in the payload. Raises BrokenError."""
    critical = as_object(json_object(payload).get("critical"))
    if critical.get("type") != TYPE:
        raise BrokenError("its payload is not that of an image signature")
    return as_object(critical.get("image")).get("docker-manifest-digest")
