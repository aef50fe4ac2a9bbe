"""Verifies Notation signatures. The operator lists the authorities and the subjects of trusted certificates.

Revocation of certificates is not checked. Timestamps are not verified either, so that a signature is valid only as long
as its certificate.
https://notaryproject.dev/docs/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache

from cryptography import x509

from bot.model.artifact import Artifact
from bot.model.image_name import Digest
from bot.model.signature import (
    BadSignature,
    SignatureDefect,
    SignatureOutcome,
    SignatureScheme,
    Signer,
    UnsupportedSignature,
    VerifiedSignature,
)
from bot.model.trust import NotationTrust, TrustEntry
from bot.net import sanitize_text
from bot.registry_ports import ArtifactStore
from bot.verifiers._attached_artifacts import AttachedArtifacts, combine_outcomes
from bot.verifiers._certificates import explain_distrust, get_attributes
from bot.verifiers._encoding import BrokenError, parse_json_object, require_object
from bot.verifiers._notation_envelope import (
    PAYLOAD_TYPE,
    SUPPORTED_CONDITIONS,
    X509_SCHEME,
    NotationEnvelope,
    read_envelope,
)

SIGNATURE_TYPE = "application/vnd.cncf.notary.signature"
SIGNATURE_TYPES = frozenset({SIGNATURE_TYPE})


class NotationVerifier:
    """Verifies Notation signatures. Implements `bot.ports.SignatureVerifier`. Thread-safe."""

    def __init__(self, artifacts: ArtifactStore, now: Callable[[], datetime]) -> None:
        self._artifacts, self._now = artifacts, now

    def verify(self, repository: str, digest: Digest, trust: TrustEntry) -> SignatureOutcome | None:
        """Check the Notation signatures of an image, and return the outcome.

        Return None if `trust` has no settings for Notation.
        """
        if trust.notation is None:
            return None
        return combine_outcomes(
            self._check_referrers(AttachedArtifacts(self._artifacts, repository, digest), trust.notation)
        )

    def _check_referrers(self, attached: AttachedArtifacts, trust: NotationTrust) -> Iterator[SignatureOutcome]:
        for artifact in attached.fetch_referrers(SIGNATURE_TYPES):
            if not isinstance(artifact, Artifact):
                yield artifact
            elif artifact.type == SIGNATURE_TYPE:
                yield self._check_artifact(artifact, attached, trust)

    def _check_artifact(
        self, artifact: Artifact, attached: AttachedArtifacts, trust: NotationTrust
    ) -> SignatureOutcome:
        if len(artifact.blobs) != 1:
            return BadSignature(SignatureDefect.BROKEN, "the signature does not have exactly one envelope")
        (blob,) = artifact.blobs
        content = attached.fetch_content(blob)
        if not isinstance(content, bytes):
            return content
        try:
            return check_envelope(blob.media_type, content, attached.digest, trust, self._now())
        except BrokenError as error:
            return BadSignature(SignatureDefect.BROKEN, str(error))


def check_envelope(
    media_type: str, content: bytes, digest: Digest, trust: NotationTrust, now: datetime
) -> SignatureOutcome:
    """Check one Notation signature, whose payload must name `digest`, and return the outcome.

    `content` is the envelope, and `media_type` is its type.

    Raises BrokenError if the envelope is invalid.
    """
    envelope = read_envelope(media_type, content)
    if isinstance(envelope, UnsupportedSignature):
        return envelope
    if envelope.content_type != PAYLOAD_TYPE:
        raise BrokenError("the payload of the signature is not a Notation payload")
    if (
        require_object(parse_json_object(envelope.payload, "payload").get("targetArtifact"), "targetArtifact").get(
            "digest"
        )
        != digest
    ):
        return BadSignature(SignatureDefect.OTHER_IMAGE)
    if not envelope.has_valid_signature():
        return BadSignature(SignatureDefect.BROKEN, "the signature was not made by the key of its certificate")
    if envelope.scheme != X509_SCHEME or not envelope.critical_conditions <= SUPPORTED_CONDITIONS:
        return UnsupportedSignature("a Notation signature with another scheme, or for a plug-in")
    return _check_signer(envelope, trust, now)


def _check_signer(envelope: NotationEnvelope, trust: NotationTrust, now: datetime) -> SignatureOutcome:
    """Check the expiry time of a signature, and the certificates and subject of the signer, and return the outcome.

    `envelope` contains the signature, which must already be verified with the key of the first certificate.

    Raises BrokenError if the expiry time is invalid.
    """
    expiry = envelope.expiry
    if expiry is not None and expiry <= now:
        return BadSignature(SignatureDefect.UNPROVED, f"it expired on {expiry:%Y-%m-%d}, according to its signer")
    signer = envelope.chain[0]
    distrust_reason = explain_distrust(envelope.chain, trust.certificates, now)
    if distrust_reason and signer.not_valid_after_utc < now and envelope.has_timestamp:
        return UnsupportedSignature(
            f"its certificate expired on {signer.not_valid_after_utc:%Y-%m-%d}, and it needs a timestamp"
        )
    if distrust_reason:
        return BadSignature(SignatureDefect.UNPROVED, distrust_reason)
    subject = sanitize_text(signer.subject.rfc4514_string())
    if any(_parse_subject(each) <= get_attributes(signer.subject) for each in trust.subjects):
        return VerifiedSignature(Signer(SignatureScheme.NOTATION, subject))
    return BadSignature(SignatureDefect.OTHER_SIGNER, subject)


@cache
def _parse_subject(subject: str) -> frozenset[tuple[str, str | bytes]]:
    return get_attributes(x509.Name.from_rfc4514_string(subject))
