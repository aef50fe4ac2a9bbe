"""A Sigstore of our own: an authority that names signers, a log of their certificates and a log of signatures.

It makes what cosign keeps of a signature without a key, before its third release and since, and the file of roots that
trusts it.
https://github.com/sigstore/fulcio/blob/main/docs/certificate-specification.md
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime(2026, 11, 1, 12, tzinfo=UTC)
LIFETIME = timedelta(minutes=10)
"""How long a certificate is good for: just long enough to sign once."""
INDEX = 7
"""Of every entry among all that the log ever had; zero is none to some who verify."""
_ISSUER, _OLDER_ISSUER = (x509.ObjectIdentifier(f"1.3.6.1.4.1.57264.1.{each}") for each in (8, 1))
_SCT = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
CODE_SIGNING = ExtendedKeyUsageOID.CODE_SIGNING
_SIGNS = {
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "encipher_only": False,
    "decipher_only": False,
    "crl_sign": False,
}

Key = ec.EllipticCurvePrivateKey


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


def der_of(key: Key) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _pem_of(key: Key) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def sign(key: Key, message: bytes) -> bytes:
    return key.sign(message, ec.ECDSA(hashes.SHA256()))


def payload_about(digest: str) -> bytes:
    """Return the payload that cosign signs for an image."""
    identity, image = {"docker-reference": ""}, {"docker-manifest-digest": digest}
    critical = {"identity": identity, "image": image, "type": "cosign container image signature"}
    return json.dumps({"critical": critical, "optional": None}).encode()


@dataclass(eq=False)
class FakeSigstore:
    """The keys of one Sigstore."""

    authority: Key = field(default_factory=new_key)
    certificate_log: Key = field(default_factory=new_key)
    log: Key = field(default_factory=new_key)

    def __post_init__(self) -> None:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority")])
        usage = x509.KeyUsage(digital_signature=False, key_cert_sign=True, **_SIGNS)
        self.root = (
            _builder(self.authority, name, name, DAY - timedelta(days=365), timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.authority.public_key()), critical=False)
            .sign(self.authority, hashes.SHA256())
        )

    def write(self, path: Path) -> str:
        """Write the file of roots, and return its path."""
        instance = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [_log(self.log)],
            "certificateAuthorities": [
                {
                    "subject": {"organization": "a company", "commonName": "an authority"},
                    "uri": "https://fulcio.example",
                    "certChain": {"certificates": [{"rawBytes": base64_of(self.root.public_bytes(Encoding.DER))}]},
                    "validFor": {"start": "2020-01-01T00:00:00Z"},
                }
            ],
            "ctlogs": [_log(self.certificate_log)],
            "timestampAuthorities": [],
        }
        path.write_text(json.dumps(instance), encoding="utf-8")
        return str(path)

    def write_parts(self, folder: Path) -> dict[str, str]:
        """Write the same in the parts that cosign wants for its older form; return where, by their variables.

        https://github.com/sigstore/cosign/blob/main/doc/cosign_env.md
        """
        parts = {
            "SIGSTORE_ROOT_FILE": self.root.public_bytes(Encoding.PEM),
            "SIGSTORE_REKOR_PUBLIC_KEY": _pem_of(self.log),
            "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": _pem_of(self.certificate_log),
        }
        for variable, content in parts.items():
            (folder / variable).write_bytes(content)
        return {variable: str(folder / variable) for variable in parts}

    def certify(
        self,
        key: Key,
        identity: str,
        issuer: str,
        at: datetime = DAY,
        *,
        purpose: x509.ObjectIdentifier = CODE_SIGNING,
    ) -> x509.Certificate:
        """Return the certificate of who signs at a time, as a log of certificates has seen it."""
        is_url = "://" in identity
        name = x509.UniformResourceIdentifier(identity) if is_url else x509.RFC822Name(identity)
        usage = x509.KeyUsage(digital_signature=True, key_cert_sign=False, **_SIGNS)
        vouching = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.authority.public_key())
        spoken = issuer.encode()
        builder = (
            _builder(key, x509.Name([]), self.root.subject, at, LIFETIME)
            .add_extension(usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(vouching, critical=False)
            .add_extension(x509.SubjectAlternativeName([name]), critical=True)
            .add_extension(x509.UnrecognizedExtension(_OLDER_ISSUER, spoken), critical=False)
            .add_extension(x509.UnrecognizedExtension(_ISSUER, bytes([12, len(spoken)]) + spoken), critical=False)
        )
        seen = self._seen(builder.sign(self.authority, hashes.SHA256()), at)
        return builder.add_extension(x509.UnrecognizedExtension(_SCT, seen), critical=False).sign(
            self.authority, hashes.SHA256()
        )

    def _seen(self, certificate: x509.Certificate, at: datetime) -> bytes:
        """Return the timestamp of a certificate log (https://www.rfc-editor.org/rfc/rfc6962#section-3.2)."""
        milliseconds, body = int(at.timestamp() * 1000), certificate.tbs_certificate_bytes
        issuer = hashlib.sha256(der_of(self.authority)).digest()
        entry = issuer + len(body).to_bytes(3, "big") + body
        signature = sign(self.certificate_log, struct.pack("!BBQH", 0, 0, milliseconds, 1) + entry + b"\0\0")
        log = hashlib.sha256(der_of(self.certificate_log)).digest()
        said = struct.pack("!B32sQHBBH", 0, log, milliseconds, 0, 4, 3, len(signature)) + signature
        listed = struct.pack("!H", len(said)) + said
        whole = struct.pack("!H", len(listed)) + listed
        return bytes([4, len(whole)]) + whole

    def entry(
        self, payload: bytes, signature: bytes, certificate: x509.Certificate, at: datetime = DAY, **more: object
    ) -> dict[str, Any]:
        """Return the entry of a log about a signature, with the log's promise."""
        written = {
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {"hash": _sha256(payload)},
                "signature": {
                    "content": base64_of(signature),
                    "publicKey": {"content": base64_of(certificate.public_bytes(Encoding.PEM))},
                },
            },
        }
        return self._build_promise(json.dumps(written | more).encode(), at)

    def bundle(
        self, envelope: Mapping[str, Any], certificate: x509.Certificate, at: datetime = DAY, **more: object
    ) -> dict[str, Any]:
        """Return a bundle around a statement, with its entry in a log that holds nothing else, and the log's promise.

        https://github.com/sigstore/rekor/blob/main/pkg/types/dsse/v0.0.1/dsse_v0_0_1_schema.json
        """
        payload = base64.b64decode(envelope["payload"])
        pem = base64_of(certificate.public_bytes(Encoding.PEM))
        written = {
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {
                "envelopeHash": _sha256(json.dumps(envelope).encode()),
                "payloadHash": _sha256(payload),
                "signatures": [{"signature": each["sig"], "verifier": pem} for each in envelope["signatures"]],
            },
        }
        body = json.dumps(written | more, separators=(",", ":")).encode()
        leaf = hashlib.sha256(b"\0" + body).digest()
        promised = self._build_promise(body, at)
        return {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": {"rawBytes": base64_of(certificate.public_bytes(Encoding.DER))},
                "tlogEntries": [
                    {
                        "logIndex": str(INDEX),
                        "logId": {"keyId": base64_of(hashlib.sha256(der_of(self.log)).digest())},
                        "kindVersion": {"kind": "dsse", "version": "0.0.1"},
                        "integratedTime": str(int(at.timestamp())),
                        "inclusionPromise": {"signedEntryTimestamp": promised["SignedEntryTimestamp"]},
                        "inclusionProof": {
                            "logIndex": "0",
                            "rootHash": base64_of(leaf),
                            "treeSize": "1",
                            "hashes": [],
                            "checkpoint": {"envelope": self._checkpoint(leaf)},
                        },
                        "canonicalizedBody": base64_of(body),
                    }
                ],
            },
            "dsseEnvelope": dict(envelope),
        }

    def _checkpoint(self, root: bytes) -> str:
        """Return the log's signed note on a tree of one leaf (https://github.com/transparency-dev/formats)."""
        note = f"log.example\n1\n{base64_of(root)}\n"
        signed = hashlib.sha256(der_of(self.log)).digest()[:4] + sign(self.log, note.encode())
        return f"{note}\n\u2014 log.example {base64_of(signed)}\n"

    def _build_promise(self, body: bytes, at: datetime) -> dict[str, Any]:
        """Return the inclusion promise of a log for an entry, and its signature."""
        said = {
            "body": base64_of(body),
            "integratedTime": int(at.timestamp()),
            "logID": hashlib.sha256(der_of(self.log)).hexdigest(),
            "logIndex": INDEX,
        }
        signed = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
        return {"SignedEntryTimestamp": base64_of(sign(self.log, signed)), "Payload": said}


def annotated(signature: bytes, certificate: x509.Certificate, entry: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the annotations of a signature."""
    pem = certificate.public_bytes(Encoding.PEM).decode()
    said = {"dev.cosignproject.cosign/signature": base64_of(signature), "dev.sigstore.cosign/certificate": pem}
    return said | ({"dev.sigstore.cosign/bundle": json.dumps(entry)} if entry is not None else {})


def _builder(
    key: Key, subject: x509.Name, issuer: x509.Name, begins: datetime, lasts: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins - timedelta(seconds=1))
        .not_valid_after(begins + lasts)
    )


def _sha256(content: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(content).hexdigest()}


def _log(key: Key) -> dict[str, Any]:
    der = der_of(key)
    public = {"rawBytes": base64_of(der), "keyDetails": "PKIX_ECDSA_P256_SHA_256"}
    return {
        "baseUrl": "https://log.example",
        "hashAlgorithm": "SHA2_256",
        "publicKey": public | {"validFor": {"start": "2020-01-01T00:00:00Z"}},
        "logId": {"keyId": base64_of(hashlib.sha256(der).digest())},
    }
