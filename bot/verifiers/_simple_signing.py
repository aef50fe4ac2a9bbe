"""Checks the older form of cosign signatures, a small signed payload that contains the digest. Does no I/O.

https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
"""

from __future__ import annotations

from collections.abc import Iterable

from bot.core.evidence.public_keys import PublicKey
from bot.model.artifact import Blob
from bot.model.reference import Digest
from bot.model.signature import BadSignature, SignatureDefect, SignatureOutcome, VerifiedSignature
from bot.verifiers._encoding import BrokenError, decode_base64, parse_json_object, require_object

PAYLOAD_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE_ANNOTATION = "dev.cosignproject.cosign/signature"
CERTIFICATE_ANNOTATION = "dev.sigstore.cosign/certificate"
"""Annotation with the signer's certificate, in keyless signatures."""
SIGNATURE_TYPE = "cosign container image signature"


def check_payload(blob: Blob, payload: bytes, digest: Digest, keys: Iterable[PublicKey]) -> SignatureOutcome:
    """Check a signature in cosign's older form against `keys`, and return the outcome.

    `blob` describes the layer with the signed payload, and an annotation of it contains the signature. `payload` is the
    content of this layer. `digest` is the image's digest, which the payload must contain.
    """
    try:
        signature = decode_base64(blob.annotations.get(SIGNATURE_ANNOTATION), SIGNATURE_ANNOTATION)
        payload_digest = _parse_digest(payload)
    except BrokenError as error:
        return BadSignature(SignatureDefect.BROKEN, str(error))
    if payload_digest != digest:
        return BadSignature(SignatureDefect.OTHER_IMAGE)
    for key in keys:
        if key.has_signed(signature, payload):
            return VerifiedSignature(key.signer)
    return BadSignature(SignatureDefect.OTHER_SIGNER)


def _parse_digest(payload: bytes) -> object:
    """Return the digest in a signed payload. Raises BrokenError if the payload is not an image signature's payload."""
    critical = require_object(parse_json_object(payload, "payload").get("critical"), "critical")
    if critical.get("type") != SIGNATURE_TYPE:
        raise BrokenError("the payload does not have the type of an image signature")
    return require_object(critical.get("image"), "critical.image").get("docker-manifest-digest")
