"""Verifies Notation signatures, by a certificate whose authority and subject the operator lists.

Revocation is not checked, and timestamps are not verified: a signature is valid as long as its certificate.
https://notaryproject.dev/docs/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache

from cryptography import x509

from bot.model.artifact import Artifact
from bot.model.reference import Digest
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
from bot.net import plain
from bot.ports import ArtifactStore
from bot.verifiers._attached import Attached, concluded
from bot.verifiers._certificates import attributes_of, why_not_trusted
from bot.verifiers._encoding import BrokenError, as_object, json_object
from bot.verifiers._envelope import PAYLOAD, UNDERSTOOD, X509, Envelope, read_envelope

SIGNATURE = "application/vnd.cncf.notary.signature"
TYPES = frozenset({SIGNATURE})


class NotationVerifier:
    """Implements `bot.ports.SignatureVerifier`. Thread-safe."""

    def __init__(self, artifacts: ArtifactStore, now: Callable[[], datetime]) -> None:
        self._artifacts, self._now = artifacts, now

    def verify(self, repository: str, digest: Digest, trust: TrustEntry) -> SignatureOutcome | None:
        """Return which listed subject signed `digest`; None if none is listed."""
        if trust.notation is None:
            return None
        return concluded(self._outcomes(Attached(self._artifacts, repository, digest), trust.notation))

    def _outcomes(self, attached: Attached, trust: NotationTrust) -> Iterator[SignatureOutcome]:
        for found in attached.referrers(TYPES):
            if not isinstance(found, Artifact):
                yield found
            elif found.type == SIGNATURE:
                yield self._of(found, attached, trust)

    def _of(self, artifact: Artifact, attached: Attached, trust: NotationTrust) -> SignatureOutcome:
        if len(artifact.blobs) != 1:
            return BadSignature(SignatureDefect.BROKEN, "it does not have exactly one envelope")
        (blob,) = artifact.blobs
        content = attached.content(blob)
        if not isinstance(content, bytes):
            return content
        try:
            return check_envelope(blob.media_type, content, attached.digest, trust, self._now())
        except BrokenError as error:
            return BadSignature(SignatureDefect.BROKEN, str(error))


def check_envelope(
    media_type: str, content: bytes, digest: Digest, trust: NotationTrust, now: datetime
) -> SignatureOutcome:
    """Return which subject of `trust` signed `digest`. Raises BrokenError."""
    envelope = read_envelope(media_type, content)
    if isinstance(envelope, UnsupportedSignature):
        return envelope
    if envelope.content_type != PAYLOAD:
        raise BrokenError("its payload is not a Notation payload")
    if as_object(json_object(envelope.payload).get("targetArtifact")).get("digest") != digest:
        return BadSignature(SignatureDefect.OTHER_IMAGE)
    if not envelope.holds():
        return BadSignature(SignatureDefect.BROKEN, "the signature was not made by the key of its certificate")
    if envelope.scheme != X509 or not envelope.critical <= UNDERSTOOD:
        return UnsupportedSignature("a Notation signature with another scheme, or for a plug-in")
    return _of_signer(envelope, trust, now)


def _of_signer(envelope: Envelope, trust: NotationTrust, now: datetime) -> SignatureOutcome:
    """Return the outcome for a signature that the key of its certificate made. Raises BrokenError."""
    ends = envelope.expiry
    if ends is not None and ends <= now:
        return BadSignature(SignatureDefect.UNPROVED, f"it expired on {ends:%Y-%m-%d}, according to its signer")
    signer = envelope.chain[0]
    why = why_not_trusted(envelope.chain, trust.certificates, now)
    if why and signer.not_valid_after_utc < now and envelope.has_timestamp:
        return UnsupportedSignature(
            f"its certificate expired on {signer.not_valid_after_utc:%Y-%m-%d}, and it needs a timestamp"
        )
    if why:
        return BadSignature(SignatureDefect.UNPROVED, why)
    subject = plain(signer.subject.rfc4514_string())
    if any(_named(each) <= attributes_of(signer.subject) for each in trust.subjects):
        return VerifiedSignature(Signer(SignatureScheme.NOTATION, subject))
    return BadSignature(SignatureDefect.OTHER_SIGNER, subject)


@cache
def _named(subject: str) -> frozenset[tuple[str, str | bytes]]:
    return attributes_of(x509.Name.from_rfc4514_string(subject))
