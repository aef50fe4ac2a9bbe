"""Verifies keyless signatures. A certificate names the signer, and a transparency log or a timestamp proves the time.

sigstore-python verifies bundles. This module verifies signatures in cosign's older form, with the keys and authorities
that sigstore-python provides. No network is used. The trusted root is the operator's file, or the root that
sigstore-python contains. Importing sigstore-python takes half a second, so this module is imported only if the operator
trusts identities.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Store
from sigstore._internal.sct import verify_sct
from sigstore._internal.trust import CTKeyring, KeyringPurpose, RekorKeyring
from sigstore._utils import KeyID
from sigstore.errors import Error as SigstoreError
from sigstore.models import Bundle, ClientTrustConfig, InvalidBundle, TrustedRoot
from sigstore.verify import Verifier, policy

from bot.core.evidence.public_keys import PublicKey
from bot.core.globs import is_glob_match
from bot.model.artifact import Blob
from bot.model.image_name import Digest
from bot.model.signature import (
    BadSignature,
    SignatureDefect,
    SignatureOutcome,
    SignatureScheme,
    SignedStatement,
    Signer,
    UnsupportedSignature,
    VerifiedSignature,
)
from bot.model.trust import TrustedKey, TrustEntry
from bot.net import sanitize_text
from bot.verifiers._certificates import UntrustedError, verify_chain
from bot.verifiers._encoding import BrokenError, decode_base64
from bot.verifiers._log_entry import ENTRY_ANNOTATION, LogEntry, read_certificate, read_entry
from bot.verifiers._simple_signing import CERTIFICATE_ANNOTATION, SIGNATURE_ANNOTATION
from bot.verifiers._statement import IN_TOTO_TYPE, read_statement


class UnusableRootError(Exception):
    """A file of trusted roots cannot be used. The message names the file and gives the reason."""


class _AnySigner:
    """A policy for sigstore-python that accepts every signer.

    The caller later compares the signer with the trusted identities. If the signer is not trusted, the error message
    can then name the signer.
    """

    def verify(self, cert: x509.Certificate) -> None: ...


@dataclass(frozen=True, slots=True)
class _VerificationRoot:
    """A trusted root: a verifier for bundles, and the authorities and logs for cosign's older form of signatures."""

    verifier: Verifier
    authorities: Store
    transparency_logs: RekorKeyring
    certificate_logs: CTKeyring

    @classmethod
    def create(cls, root: TrustedRoot) -> _VerificationRoot:
        """Load the keys of a trusted root. Raises SigstoreError if the root is incomplete."""
        purpose = KeyringPurpose.VERIFY
        authorities = Store(root.get_fulcio_certs())
        return cls(Verifier(trusted_root=root), authorities, root.rekor_keyring(purpose), root.ct_keyring(purpose))


class KeylessVerifier:
    """Verifies signatures that contain a certificate, against the identities that the operator trusts. Thread-safe."""

    def __init__(self, roots: Iterable[str | None]) -> None:
        """Read the trusted roots. Each is the path of a file, or None for the root that sigstore-python contains.

        Raises UnusableRootError if a file cannot be used.
        """
        self._roots: Mapping[str | None, _VerificationRoot] = {root: _load_root(root) for root in roots}

    def check_bundle(self, content: bytes, digest: Digest, trust: TrustEntry) -> SignatureOutcome | None:
        """Check a Sigstore bundle, whose statement must name `digest`, and return the outcome.

        Return None if the statement is not about the origin of an image, but for example an SBOM.

        Raises BrokenError if the statement cannot be parsed.
        """
        try:
            bundle = Bundle.from_json(content)
        except InvalidBundle as error:
            return UnsupportedSignature(f"a Sigstore bundle that cannot be verified offline: {_summarize_error(error)}")
        try:
            kind, payload = self._roots[trust.trusted_root].verifier.verify_dsse(bundle, _AnySigner())
        except SigstoreError as error:
            return BadSignature(SignatureDefect.UNPROVED, _summarize_error(error))
        statement, is_about_digest = read_statement(payload, digest)
        if kind != IN_TOTO_TYPE or statement is None:
            return None
        if not is_about_digest:
            return BadSignature(SignatureDefect.OTHER_IMAGE)
        return _match_identity(bundle.signing_certificate, trust, statement)

    def check_payload(self, blob: Blob, payload: bytes, trust: TrustEntry) -> SignatureOutcome:
        """Check a signature in cosign's older form, and return the outcome. `payload` is the content of `blob`.

        The annotations of `blob` contain the signature, the signer's certificate and a log entry. They may also contain
        a certificate chain, which is not used: the certificate must be issued by an authority of the trusted root.

        Raises BrokenError if an annotation cannot be parsed.
        """
        if ENTRY_ANNOTATION not in blob.annotations:
            return UnsupportedSignature("an older cosign signature without a log entry")
        entry = read_entry(blob.annotations[ENTRY_ANNOTATION])
        if isinstance(entry, UnsupportedSignature):
            return entry
        certificate = read_certificate(blob.annotations[CERTIFICATE_ANNOTATION].encode())
        signature = decode_base64(blob.annotations[SIGNATURE_ANNOTATION], SIGNATURE_ANNOTATION)
        defect = entry.explain_mismatch(payload, signature, certificate)
        if defect:
            return BadSignature(SignatureDefect.BROKEN, defect)
        defect = _explain_missing_proof(entry, certificate, self._roots[trust.trusted_root])
        if defect:
            return BadSignature(SignatureDefect.UNPROVED, defect)
        if not _load_key(certificate).has_signed(signature, payload):
            return BadSignature(SignatureDefect.BROKEN, "the signature was not made by the key of its certificate")
        return _match_identity(certificate, trust, SignedStatement.SIGNATURE)


def _explain_missing_proof(entry: LogEntry, certificate: x509.Certificate, root: _VerificationRoot) -> str:
    """Return why a log entry does not prove that the signer's certificate was valid when the image was signed.

    Return an empty string if it proves this. The certificate is usually expired by now. The proof consists of two
    parts: a trusted log added the entry while the certificate was valid, and a trusted authority issued the
    certificate. `root` contains the trusted logs and authorities.
    """
    try:
        root.transparency_logs.verify(
            key_id=KeyID(entry.log_id), signature=entry.log_signature, data=entry.signed_bytes
        )
    except SigstoreError:
        return "no trusted log contains it"
    try:
        chain = verify_chain([certificate], root.authorities, entry.integrated_at)
        verify_sct(certificate, list(chain[1:]), root.certificate_logs)
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (UntrustedError, SigstoreError) as error:
        return _summarize_error(error)
    except x509.ExtensionNotFound:
        return "the signer's certificate does not allow code signing"
    return "" if ExtendedKeyUsageOID.CODE_SIGNING in usage else "the signer's certificate does not allow code signing"


def _load_key(certificate: x509.Certificate) -> PublicKey:
    """Return the key of a certificate. Raises BrokenError if keys of this kind cannot sign images."""
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    try:
        return PublicKey.load(TrustedKey("", certificate.public_key().public_bytes(*form)))
    except UnsupportedAlgorithm:
        raise BrokenError("the certificate of the signature contains a key of an unsupported type") from None
    except ValueError as error:
        raise BrokenError(f"the certificate of the signature {error}") from None


def _match_identity(certificate: x509.Certificate, trust: TrustEntry, statement: SignedStatement) -> SignatureOutcome:
    """Return the outcome for a signature whose cryptographic checks succeeded.

    The outcome is "verified" if `trust` lists the identity and issuer in the certificate. `statement` is the kind of
    statement that was signed.
    """
    names = _list_names(certificate)
    for each in trust.identities:
        found = next((name for name in names if is_glob_match(each.identity, name)), None)
        if found is not None and _has_issuer(certificate, each.issuer):
            return VerifiedSignature(
                Signer(SignatureScheme.KEYLESS, f"{sanitize_text(found)} (by {sanitize_text(each.issuer)})"), statement
            )
    return BadSignature(SignatureDefect.OTHER_SIGNER, sanitize_text(", ".join(names)))


def _load_root(path: str | None) -> _VerificationRoot:
    if path is None:
        return _VerificationRoot.create(ClientTrustConfig.production(offline=True).trusted_root)
    try:
        return _VerificationRoot.create(TrustedRoot.from_file(path))
    except OSError as error:
        raise UnusableRootError(f"{path} could not be read: {error.strerror}") from None
    except (ValueError, SigstoreError) as error:
        raise UnusableRootError(
            f"{path} does not contain a trusted root of Sigstore: {_summarize_error(error)}"
        ) from None


def _list_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the names of the signer in a certificate: first the email addresses, then the URLs."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    people = names.get_values_for_type(x509.RFC822Name)
    return (*people, *names.get_values_for_type(x509.UniformResourceIdentifier))


def _has_issuer(certificate: x509.Certificate, issuer: str) -> bool:
    """Return True if the certificate states that `issuer` authenticated the signer.

    Old certificates state the issuer in another extension than new certificates. Both extensions are read.
    """
    try:
        policy.AnyOf([policy.OIDCIssuerV2(issuer), policy.OIDCIssuer(issuer)]).verify(certificate)
    except SigstoreError:
        return False
    return True


def _summarize_error(error: Exception) -> str:
    return sanitize_text(str(error).partition("\n")[0])
