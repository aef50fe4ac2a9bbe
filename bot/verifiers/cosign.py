"""Verifies cosign signatures in both forms: the older form at a tag, and Sigstore bundles in the referrers.

For a signature that was made with a key, no transparency log is checked, because a key that the operator lists is
trusted without a log.

Bundles: https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from bot.core.evidence.public_keys import PublicKey
from bot.model.artifact import Artifact, Blob
from bot.model.errors import UsageError
from bot.model.image_name import Digest
from bot.model.signature import BadSignature, SignatureDefect, SignatureOutcome, UnsupportedSignature, VerifiedSignature
from bot.model.trust import TrustedKey, TrustEntry
from bot.registry_ports import ArtifactStore
from bot.verifiers._attached_artifacts import AttachedArtifacts, combine_outcomes
from bot.verifiers._encoding import BrokenError, parse_json_object, require_object
from bot.verifiers._simple_signing import CERTIFICATE_ANNOTATION, PAYLOAD_TYPE, SignedImage, check_payload
from bot.verifiers._statement import STATEMENTS_BY_PREDICATE, DsseEnvelope, read_envelope, read_statement

if TYPE_CHECKING:  # `keyless` imports sigstore slowly, so only runs that trust identities import it
    from bot.verifiers.keyless import KeylessVerifier

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
BUNDLE_TYPES = frozenset(
    {BUNDLE_TYPE, *(f"application/vnd.dev.sigstore.bundle+json;version=0.{minor}" for minor in (1, 2, 3))}
)
"""The types of bundles. Bundles with the older types differ only in the certificates that they contain."""
PREDICATE_ANNOTATION = "dev.sigstore.bundle.predicateType"
"""The annotation with the predicate type of a bundle, which can be read before the bundle is fetched."""
SIGNATURE_ARTIFACT = "application/vnd.dev.cosign.artifact.sig.v1+json"
"""The artifact type of a signature in the older form that cosign attaches as a referrer."""
ARTIFACT_TYPES = frozenset({*BUNDLE_TYPES, SIGNATURE_ARTIFACT})


class CosignVerifier:
    """Verifies cosign signatures. Implements `bot.ports.SignatureVerifier`. Thread-safe."""

    def __init__(self, artifacts: ArtifactStore, keyless: KeylessVerifier | None = None) -> None:
        """Create a verifier. `keyless` verifies keyless signatures; None if the operator trusts no identities."""
        self._artifacts, self._keyless = artifacts, keyless

    @classmethod
    def create_for_trusts(cls, trusts: Iterable[TrustEntry], artifacts: ArtifactStore) -> CosignVerifier:
        """Return a verifier for the keys and identities in `trusts`.

        Raises UsageError if `trusts` contains identities, and either the library for keyless signatures is not
        installed, or a file of trusted roots cannot be used.
        """
        roots = {trust.trusted_root for trust in trusts if trust.identities}
        if not roots:
            return cls(artifacts)
        try:
            from bot.verifiers.keyless import KeylessVerifier, UnusableRootError  # noqa: PLC0415 - half a second to import
        except ImportError:
            hint = "install basebump with the extra `keyless`, or remove `keyless` from the configuration"
            raise UsageError(f"`keyless` needs the sigstore library, which is not installed; hint: {hint}") from None
        try:
            return cls(artifacts, KeylessVerifier(roots))
        except UnusableRootError as error:
            raise UsageError(f"`trusted_root`: {error}") from None

    def verify(self, repository: str, digest: Digest, trust: TrustEntry) -> SignatureOutcome | None:
        """Check the cosign signatures of an image. Return None if `trust` lists no keys and no identities.

        A signature is valid only if it names exactly `digest`. For example, if `digest` is that of an index, signatures
        of the single images in the index are ignored, because the scanned files contain the digest of the index. If the
        signature also names a repository, this repository must be `repository` or match `signed_as` of `trust`.

        Raises ValueError if a key in `trust` is invalid. This does not happen in a run, because the settings were
        checked before.
        """
        if not trust.keys and not trust.identities:
            return None
        return combine_outcomes(
            _SignatureCheck(
                AttachedArtifacts(self._artifacts, repository, digest), self._keyless, trust
            ).check_signatures()
        )


class _SignatureCheck:
    """Checks the cosign signatures of one image, one after another."""

    def __init__(self, attached: AttachedArtifacts, keyless: KeylessVerifier | None, trust: TrustEntry) -> None:
        self._attached, self._keyless, self._trust = attached, keyless, trust
        self._keys = tuple(map(_load_key, trust.keys))

    def check_signatures(self) -> Iterator[SignatureOutcome]:
        """Yield the outcome of each signature of the image.

        Signatures in the older form, at a tag, come first, because fetching them needs fewer requests.

        Raises RegistryError if a request fails.
        """
        for artifact in chain(self._attached.fetch_tagged(".sig"), self._attached.fetch_referrers(ARTIFACT_TYPES)):
            if isinstance(artifact, Artifact):
                yield from self._check_artifact(artifact)
            else:
                yield artifact

    def _check_artifact(self, artifact: Artifact) -> Iterator[SignatureOutcome]:
        for blob in artifact.blobs:
            try:
                outcome = self._check_blob(blob)
            except BrokenError as error:
                outcome = BadSignature(SignatureDefect.BROKEN, str(error))
            if outcome is not None:
                yield outcome

    def _check_blob(self, blob: Blob) -> SignatureOutcome | None:
        """Check the signature in a blob, and return the outcome; None if the blob is not a signature.

        Raises BrokenError if the signature cannot be parsed.
        """
        is_bundle = blob.media_type in BUNDLE_TYPES and blob.annotations.get(PREDICATE_ANNOTATION, "") in {
            "",
            *STATEMENTS_BY_PREDICATE,
        }
        if not is_bundle and blob.media_type != PAYLOAD_TYPE:
            return None
        content = self._attached.fetch_content(blob)
        if not isinstance(content, bytes):
            return content
        return self._check_bundle(content) if is_bundle else self._check_payload(blob, content)

    def _check_bundle(self, content: bytes) -> SignatureOutcome | None:
        bundle = read_bundle(content)
        if isinstance(bundle, UnsupportedSignature):
            return bundle
        if bundle.has_certificate and self._keyless is not None and self._trust.identities:
            return self._keyless.check_bundle(content, self._attached.digest, self._trust)
        return check_bundle(bundle, self._attached.digest, self._keys)

    def _check_payload(self, blob: Blob, content: bytes) -> SignatureOutcome:
        """Check a signature in the older form, and return the outcome. `content` is the signed payload.

        Raises BrokenError if an annotation of `blob` is invalid.
        """
        image = SignedImage(self._attached.digest, (self._attached.repository, *self._trust.signed_as))
        outcome = check_payload(blob, content, image, self._keys)
        keyless = self._keyless if CERTIFICATE_ANNOTATION in blob.annotations and self._trust.identities else None
        if keyless is not None and outcome == BadSignature(SignatureDefect.OTHER_SIGNER):
            return keyless.check_payload(blob, content, self._trust)
        return outcome


@dataclass(frozen=True, slots=True)
class SignatureBundle:
    """A parsed Sigstore bundle. Its signatures have not been verified."""

    envelope: DsseEnvelope
    has_certificate: bool
    """True if the bundle contains the signer's certificate. Without a certificate, only a listed key can verify it."""


def read_bundle(content: bytes) -> SignatureBundle | UnsupportedSignature:
    """Parse a Sigstore bundle.

    Return UnsupportedSignature if the version of the bundle is not supported, or if the bundle contains a plain message
    signature instead of a signed statement.

    Raises BrokenError if the bundle is invalid.
    """
    document = parse_json_object(content, "bundle")
    if document.get("mediaType") not in BUNDLE_TYPES:
        return UnsupportedSignature("a Sigstore bundle of a version that this release does not support")
    if "dsseEnvelope" not in document:
        return UnsupportedSignature("a Sigstore bundle that contains something other than a statement")
    material: dict[str, Any] = require_object(document.get("verificationMaterial"), "verificationMaterial")
    has_certificate = "certificate" in material or "x509CertificateChain" in material
    return SignatureBundle(read_envelope(require_object(document["dsseEnvelope"], "dsseEnvelope")), has_certificate)


def check_bundle(bundle: SignatureBundle, digest: Digest, keys: Iterable[PublicKey]) -> SignatureOutcome | None:
    """Check the signatures of a Sigstore bundle against `keys`, and return the outcome.

    The bundle's statement must name `digest`. Return None if the statement is not about the origin of an image, but for
    example an SBOM.

    Raises BrokenError if the statement cannot be parsed.
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


@cache
def _load_key(trusted_key: TrustedKey) -> PublicKey:
    return PublicKey.load(trusted_key)
