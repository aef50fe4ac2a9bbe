"""Sigstore's bundles without a key: the certificate says who signed, and a log or a clock says when.

sigstore-python verifies. It never asks the internet here: what it trusts is the operator's file, or the root that it
brings along. It takes half a second to import, so that only those wait for it who trust identities.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cryptography import x509
from sigstore.errors import Error as SigstoreError
from sigstore.models import Bundle, InvalidBundle, TrustedRoot
from sigstore.verify import Verifier, policy

from bot.core.globs import matches
from bot.model.reference import Digest
from bot.model.signature import BadSignature, Flaw, Scheme, SignatureOutcome, Signed, Signer, UnsupportedSignature
from bot.model.trust import Trust
from bot.net import plain
from bot.verifiers._statement import IN_TOTO, read_statement


class UnusableRootError(Exception):
    """A file of trusted roots cannot be used; its text says which and why."""


class _AnySigner:
    """Takes whoever signed, so that who it was can be said; the listed identities are compared afterwards."""

    def verify(self, cert: x509.Certificate) -> None: ...


class Keyless:
    """Verifies bundles that hold a certificate; safe to share by threads."""

    def __init__(self, roots: Iterable[str | None]) -> None:
        """Read the files of roots; None is what sigstore-python brings along. Raises UnusableRootError."""
        self._verifiers: Mapping[str | None, Verifier] = {root: _verifier(root) for root in roots}

    def check(self, content: bytes, digest: Digest, trust: Trust) -> SignatureOutcome | None:
        """Return who of the listed identities signed a statement about `digest`; None where it is of another kind.

        Raises BrokenError where the statement cannot be read.
        """
        try:
            bundle = Bundle.from_json(content)
        except InvalidBundle as error:
            return UnsupportedSignature(f"a Sigstore bundle that cannot be verified without a network: {_said(error)}")
        try:
            kind, payload = self._verifiers[trust.root].verify_dsse(bundle, _AnySigner())
        except SigstoreError as error:
            return BadSignature(Flaw.UNPROVED, _said(error))
        statement, is_about_it = read_statement(payload, digest)
        if kind != IN_TOTO or statement is None:
            return None
        if not is_about_it:
            return BadSignature(Flaw.OTHER_IMAGE)
        names = _names(bundle.signing_certificate)
        for each in trust.identities:
            found = next((name for name in names if matches(each.identity, name)), None)
            if found is not None and _is_of_issuer(bundle.signing_certificate, each.issuer):
                return Signed(Signer(Scheme.KEYLESS, f"{plain(found)} (by {plain(each.issuer)})"), statement)
        return BadSignature(Flaw.OTHER_SIGNER, plain(", ".join(names)))


def _verifier(root: str | None) -> Verifier:
    if root is None:
        return Verifier.production(offline=True)
    try:
        return Verifier(trusted_root=TrustedRoot.from_file(root))
    except OSError as error:
        raise UnusableRootError(f"{root} could not be read: {error.strerror}") from None
    except (ValueError, SigstoreError) as error:
        raise UnusableRootError(f"{root} holds no trusted root of Sigstore: {_said(error)}") from None


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return whom a certificate is for: addresses of people, URLs of workflows."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    people = found.get_values_for_type(x509.RFC822Name)
    return (*people, *found.get_values_for_type(x509.UniformResourceIdentifier))


def _is_of_issuer(certificate: x509.Certificate, issuer: str) -> bool:
    """Say whether `issuer` vouched for whom the certificate is for; older certificates say it in another place."""
    try:
        policy.AnyOf([policy.OIDCIssuerV2(issuer), policy.OIDCIssuer(issuer)]).verify(certificate)
    except SigstoreError:
        return False
    return True


def _said(error: Exception) -> str:
    return plain(str(error).partition("\n")[0])
