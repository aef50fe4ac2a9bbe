"""Verifies chains of code-signing certificates, and compares the subjects of certificates. This module does no I/O.

https://github.com/notaryproject/specifications/blob/main/specs/signature-specification.md#certificate-requirements
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from bot.net import sanitize_text
from bot.verifiers._encoding import BrokenError, require_list

MAX_CHAIN_LENGTH = 8
"""The largest number of certificates in one chain. Authorities use one or two certificates between a signer and their
root."""


def read_chain(der_certificates: object) -> tuple[x509.Certificate, ...]:
    """Parse a chain of DER certificates. The first certificate belongs to the signer.

    Raises BrokenError if a certificate is invalid or the chain is empty.
    """
    chain = require_list(der_certificates, MAX_CHAIN_LENGTH, "certificates")
    if not chain or not all(isinstance(each, bytes) for each in chain):
        raise BrokenError("the signature has no certificates")
    try:
        certificates = tuple(x509.load_der_x509_certificate(each) for each in chain)
        certificates[0].public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise BrokenError("a certificate of the signature cannot be parsed") from None
    return certificates


def explain_distrust(chain: Sequence[x509.Certificate], roots: tuple[bytes, ...], now: datetime) -> str:
    """Return why a signer's certificate is not trusted at the time `now`; an empty string if it is trusted.

    The first certificate in `chain` belongs to the signer. `roots` are the root certificates that the operator trusts,
    in PEM. Certificates that were revoked are not detected.
    """
    try:
        verify_chain(chain, _load_store(roots), now)
    except UntrustedError as error:
        return str(error)
    return ""


class UntrustedError(Exception):
    """A certificate has no chain to a trusted root. The message gives the reason and may be shown to users."""


def verify_chain(chain: Sequence[x509.Certificate], roots: Store, now: datetime) -> Sequence[x509.Certificate]:
    """Verify a signer's certificate at the time `now`, and return the chain from this certificate to one of `roots`.

    `chain` contains the signer's certificate first, and then any intermediate certificates.

    Raises UntrustedError if there is no valid chain.
    """
    verifier = (
        PolicyBuilder()
        .store(roots)
        .time(now)
        .max_chain_depth(MAX_CHAIN_LENGTH)
        .extension_policies(ca_policy=_build_authority_policy(), ee_policy=_build_signer_policy())
        .build_client_verifier()
    )
    try:
        return verifier.verify(chain[0], list(chain[1:])).chain
    except (VerificationError, x509.UnsupportedGeneralNameType, ValueError, UnsupportedAlgorithm) as error:
        raise UntrustedError(
            sanitize_text(str(error)) or "the signature's chain of certificates is not valid"
        ) from None


def get_attributes(name: x509.Name) -> frozenset[tuple[str, str | bytes]]:
    """Return the attributes of a certificate's subject, such as its common name, in no particular order.

    Tools that create certificates write the attributes in different orders.
    """
    return frozenset((attribute.oid.dotted_string, attribute.value) for attribute in name)


@cache
def _load_store(roots: tuple[bytes, ...]) -> Store:
    return Store([certificate for pem in roots for certificate in x509.load_pem_x509_certificates(pem)])


def _build_authority_policy() -> ExtensionPolicy:
    return (
        ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, Criticality.CRITICAL, _require_authority)
        .require_present(x509.KeyUsage, Criticality.CRITICAL, _require_certificate_signing)
    )


def _build_signer_policy() -> ExtensionPolicy:
    return (
        ExtensionPolicy.permit_all()
        .require_present(x509.KeyUsage, Criticality.CRITICAL, _require_digital_signature)
        .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _require_code_signing)
    )


def _require_authority(_policy: Policy, _certificate: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("a certificate was issued by a certificate that is not a CA certificate")


def _require_certificate_signing(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage) -> None:
    if not usage.key_cert_sign:
        raise ValueError("a certificate was issued by a certificate that is not allowed to sign certificates")


def _require_digital_signature(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage) -> None:
    if not usage.digital_signature:
        raise ValueError("the signer's certificate does not allow signatures")


def _require_code_signing(_policy: Policy, _certificate: x509.Certificate, usage: x509.ExtendedKeyUsage | None) -> None:
    if usage is not None and ExtendedKeyUsageOID.CODE_SIGNING not in usage:
        raise ValueError("the signer's certificate does not allow code signing")
