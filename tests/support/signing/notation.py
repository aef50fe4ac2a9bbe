"""Notation's signatures made here, of every kind that the recorded ones are not: other chains, conditions, damage."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bot.model.image_name import Digest

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
JWS, COSE = "application/jose+json", "application/cose"
PAYLOAD = "application/vnd.cncf.notary.payload.v1+json"
SCHEME, EXPIRY = "io.cncf.notary.signingScheme", "io.cncf.notary.expiry"
TIMESTAMP = "io.cncf.notary.timestampSignature"


@dataclass(frozen=True, slots=True)
class SigningParty:
    """A key on P-256 with its certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)


def party(
    name: str,
    by: SigningParty | None = None,
    *,
    is_authority: bool = False,
    usages: Sequence[x509.ObjectIdentifier] | None = (ExtendedKeyUsageOID.CODE_SIGNING,),
    ends: datetime = NOW + timedelta(days=30),
) -> SigningParty:
    """Make a party whose certificate is signed by another, or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    words = {NameOID.COUNTRY_NAME: "US", NameOID.ORGANIZATION_NAME: "Acme", NameOID.COMMON_NAME: name}
    subject = x509.Name([x509.NameAttribute(oid, word) for oid, word in words.items()])
    bits = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    bits = (*bits, "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    wanted = "key_cert_sign" if is_authority else "digital_signature"
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=300))
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**{bit: bit == wanted for bit in bits}), critical=True)
    )
    if usages and not is_authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return SigningParty(key, builder.sign(by.key if by else key, hashes.SHA256()))


def payload(digest: Digest | str) -> bytes:
    target = {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest, "size": 7}
    return json.dumps({"targetArtifact": target}).encode()


def signed(
    media_type: str,
    content: bytes,
    chain: Sequence[SigningParty],
    *,
    conditions: Mapping[str, Any] | None = None,
    header: Mapping[str, Any] | None = None,
    algorithm: str = "ES256",
    content_type: str = PAYLOAD,
    key: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """Sign `content` by the first of `chain`, or by another key than that of its certificate."""
    said = {SCHEME: "notary.x509", "io.cncf.notary.signingTime": "2026-11-01T00:00:00Z", **(conditions or {})}
    critical = [name for name in said if name != "io.cncf.notary.signingTime"]
    key, ders = key or chain[0].key, [each.der for each in chain]
    if media_type == JWS:
        protected = _base64url(json.dumps({"alg": algorithm, "cty": content_type, "crit": critical, **said}).encode())
        body = _base64url(content)
        signature = _base64url(_raw(key, f"{protected}.{body}".encode()))
        certificates = [base64.b64encode(der).decode() for der in ders]
        envelope = {"payload": body, "protected": protected, "signature": signature}
        return json.dumps({**envelope, "header": {"x5c": certificates, **(header or {})}}).encode()
    numbers = {"ES256": -7, "ES384": -35}
    protected_map = cbor2.dumps({1: numbers[algorithm], 2: critical, 3: content_type, **said})
    signature_of = _raw(key, cbor2.dumps(["Signature1", protected_map, b"", content]))
    return cbor2.dumps(cbor2.CBORTag(18, [protected_map, {33: ders, **(header or {})}, content, signature_of]))


def _raw(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    first, second = utils.decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return first.to_bytes(32) + second.to_bytes(32)


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
