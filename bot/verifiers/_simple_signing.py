"""Checks the older form of cosign signatures, which is a small signed payload with the image's digest.

This module does no I/O. https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.core.evidence.public_keys import PublicKey
from bot.core.globs import is_any_glob_match
from bot.model.artifact import Blob
from bot.model.errors import InvalidReferenceError
from bot.model.image_name import Digest, ImageName
from bot.model.signature import BadSignature, SignatureDefect, SignatureOutcome, VerifiedSignature
from bot.net import sanitize_text
from bot.verifiers._encoding import BrokenError, decode_base64, parse_json_object, require_object

PAYLOAD_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE_ANNOTATION = "dev.cosignproject.cosign/signature"
CERTIFICATE_ANNOTATION = "dev.sigstore.cosign/certificate"
"""The annotation with the signer's certificate, in keyless signatures."""
SIGNATURE_TYPE = "cosign container image signature"


@dataclass(frozen=True, slots=True)
class SignedImage:
    """The image that a signed payload must name."""

    digest: Digest
    repository_globs: tuple[str, ...]
    """Globs for canonical repositories. One of them must match the repository in the payload. A payload without a
    repository is also accepted."""


def check_payload(blob: Blob, payload: bytes, image: SignedImage, keys: Iterable[PublicKey]) -> SignatureOutcome:
    """Check a signature in cosign's older form against `keys`, and return the outcome.

    `blob` describes the layer with the signed payload, and an annotation of `blob` contains the signature. `payload` is
    the content of the layer. The payload must name the `image`. Without this check, somebody could copy an image with
    its signature from one repository to another repository of the same signer.
    """
    try:
        signature = decode_base64(blob.annotations.get(SIGNATURE_ANNOTATION), SIGNATURE_ANNOTATION)
        payload_digest, reference = _parse_payload(payload)
    except BrokenError as error:
        return BadSignature(SignatureDefect.BROKEN, str(error))
    if payload_digest != image.digest:
        return BadSignature(SignatureDefect.OTHER_IMAGE)
    if reference and not _is_in_repository(reference, image.repository_globs):
        return BadSignature(SignatureDefect.OTHER_IMAGE, f"it names the repository {sanitize_text(reference)}")
    for key in keys:
        if key.has_signed(signature, payload):
            return VerifiedSignature(key.signer)
    return BadSignature(SignatureDefect.OTHER_SIGNER)


def _parse_payload(payload: bytes) -> tuple[object, str]:
    """Return the digest and the reference in a signed payload. The reference is empty if the payload names none.

    Raises BrokenError if the payload is not an image signature's payload.
    """
    critical = require_object(parse_json_object(payload, "payload").get("critical"), "critical")
    if critical.get("type") != SIGNATURE_TYPE:
        raise BrokenError("the payload does not have the type of an image signature")
    reference = require_object(critical.get("identity", {}), "critical.identity").get("docker-reference", "")
    if not isinstance(reference, str):
        raise BrokenError("critical.identity.docker-reference is not a string")
    return require_object(critical.get("image"), "critical.image").get("docker-manifest-digest"), reference


def _is_in_repository(reference: str, repository_globs: tuple[str, ...]) -> bool:
    try:
        return is_any_glob_match(repository_globs, ImageName.parse(reference).repository)
    except InvalidReferenceError:
        return False
