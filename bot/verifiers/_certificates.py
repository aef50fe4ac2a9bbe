"""Verifies chains of code-signing certificates, and reads their subjects. Pure.

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

from bot.net import plain
from bot.verifiers._encoding import BrokenError, as_list

MAX_CHAIN = 8
"""Certificates of one signature; authorities have one or two between a signer and their root."""


def read_chain(listed: object) -> tuple[x509.Certificate, ...]:
    """Parse a chain of DER certificates, the signer's first. Raises BrokenError."""
    chain = as_list(listed, MAX_CHAIN)
    if not chain or not all(isinstance(each, bytes) for each in chain):
        raise BrokenError("it has no certificates")
    try:
        read = tuple(x509.load_der_x509_certificate(each) for each in chain)
        read[0].public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise BrokenError("one of its certificates is not valid") from None
    return read


def why_not_trusted(chain: Sequence[x509.Certificate], roots: tuple[bytes, ...], now: datetime) -> str:
    """Return why the first certificate is not trusted at the time `now`; an empty string if it is.

    `roots` are the operator's, in PEM. Revocation is not checked.
    """
    try:
        trusted_chain(chain, _store(roots), now)
    except UntrustedError as error:
        return str(error)
    return ""


class UntrustedError(Exception):
    """A certificate without a chain to a trusted root; the text says why, and is fit for a message."""


def trusted_chain(chain: Sequence[x509.Certificate], roots: Store, now: datetime) -> Sequence[x509.Certificate]:
    """Return the certificates from the first of `chain` to one of `roots`, verified for the time `now`.

    Raises UntrustedError.
    """
    verifier = (
        PolicyBuilder()
        .store(roots)
        .time(now)
        .max_chain_depth(MAX_CHAIN)
        .extension_policies(ca_policy=_authority(), ee_policy=_signer())
        .build_client_verifier()
    )
    try:
        return verifier.verify(chain[0], list(chain[1:])).chain
    except (VerificationError, x509.UnsupportedGeneralNameType, ValueError, UnsupportedAlgorithm) as error:
        raise UntrustedError(plain(str(error)) or "its chain of certificates is not valid") from None


def attributes_of(name: x509.Name) -> frozenset[tuple[str, str | bytes]]:
    """Return the attributes of a name as a set, because tools write them in different orders."""
    return frozenset((attribute.oid.dotted_string, attribute.value) for attribute in name)


@cache
def _store(roots: tuple[bytes, ...]) -> Store:
    return Store([certificate for pem in roots for certificate in x509.load_pem_x509_certificates(pem)])


def _authority() -> ExtensionPolicy:
    return (
        ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, Criticality.CRITICAL, _is_authority)
        .require_present(x509.KeyUsage, Criticality.CRITICAL, _signs_certificates)
    )


def _signer() -> ExtensionPolicy:
    return (
        ExtensionPolicy.permit_all()
        .require_present(x509.KeyUsage, Criticality.CRITICAL, _signs)
        .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _signs_code)
    )


def _is_authority(_policy: Policy, _certificate: x509.Certificate, found: x509.BasicConstraints) -> None:
    if not found.ca:
        raise ValueError("a certificate that is not an authority's signed another certificate")


def _signs_certificates(_policy: Policy, _certificate: x509.Certificate, found: x509.KeyUsage) -> None:
    if not found.key_cert_sign:
        raise ValueError("a certificate that must not sign certificates signed another certificate")


def _signs(_policy: Policy, _certificate: x509.Certificate, found: x509.KeyUsage) -> None:
    if not found.digital_signature:
        raise ValueError("its certificate is not for signatures")


def _signs_code(_policy: Policy, _certificate: x509.Certificate, found: x509.ExtendedKeyUsage | None) -> None:
    if found is not None and ExtendedKeyUsageOID.CODE_SIGNING not in found:
        raise ValueError("its certificate is not for code signing")
