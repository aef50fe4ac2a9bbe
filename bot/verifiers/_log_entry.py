"""Parses the transparency log entries in cosign's older keyless signatures. This module does no I/O.

An entry contains hashes of the signed data, and the time at which the log added the entry. The log has signed the
hashes and the time.

Annotation: https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#properties; entry:
https://github.com/sigstore/rekor/blob/main/pkg/types/hashedrekord/v0.0.1/hashedrekord_v0_0_1_schema.json.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from bot.model.signature import UnsupportedSignature
from bot.verifiers._encoding import BrokenError, decode_base64, parse_json_object, require_object

ENTRY_ANNOTATION = "dev.sigstore.cosign/bundle"
"""The annotation of a signature that contains the log entry."""
ENTRY_KIND = ("hashedrekord", "0.0.1")
"""The kind and version of entries. For images, cosign wrote no other kinds."""
MAX_NUMBER = 2**53
"""The first number whose JSON form in this module differs from the canonical form that logs sign (RFC 8785)."""
MAX_TIME = 2**33
"""The latest valid time, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A parsed log entry. The log's signature of the entry has not been verified."""

    log_id: bytes
    """The log's ID as stated in the entry, which is the hash of the log's key."""
    signed_bytes: bytes
    """The bytes that the log signed."""
    log_signature: bytes
    """The log's signature of `signed_bytes`."""
    integrated_at: datetime
    """The time at which the log added the entry."""
    body: bytes

    def explain_mismatch(self, payload: bytes, signature: bytes, certificate: x509.Certificate) -> str:
        """Return why the log entry does not belong to this signature; an empty string if it belongs to the signature.

        Without this check, an attacker could attach any valid log entry to a forged signature. `payload` is the signed
        content, and `certificate` belongs to the signer.

        Raises BrokenError if the body of the entry is invalid.
        """
        specification = require_object(parse_json_object(self.body, "body").get("spec"), "spec")
        payload_hash = require_object(require_object(specification.get("data"), "data").get("hash"), "data.hash")
        signature_object = require_object(specification.get("signature"), "signature")
        entry_certificate = read_certificate(
            decode_base64(
                require_object(signature_object.get("publicKey"), "publicKey").get("content"), "publicKey.content"
            )
        )
        if (payload_hash.get("algorithm"), payload_hash.get("value")) != (
            "sha256",
            hashlib.sha256(payload).hexdigest(),
        ):
            return "the signature's transparency log entry is about another payload"
        if decode_base64(signature_object.get("content"), "signature.content") != signature:
            return "the signature's transparency log entry is about another signature"
        return (
            "" if entry_certificate == certificate else "the signature's transparency log entry is about another signer"
        )


def read_entry(text: str) -> LogEntry | UnsupportedSignature:
    """Parse the log entry in the annotation ENTRY_ANNOTATION. `text` is the value of the annotation.

    Return UnsupportedSignature if the entry is of a kind other than ENTRY_KIND.

    Raises BrokenError if the annotation is invalid.
    """
    document = parse_json_object(text.encode(), ENTRY_ANNOTATION)
    payload = require_object(document.get("Payload"), "Payload")
    body = decode_base64(payload.get("body"), "Payload.body")
    kind = parse_json_object(body, "Payload.body")
    if (kind.get("kind"), kind.get("apiVersion")) != ENTRY_KIND:
        return UnsupportedSignature("an older cosign signature with a log entry of an unusual kind")
    seconds, index = (_require_number(payload, key) for key in ("integratedTime", "logIndex"))
    log_id = payload.get("logID")
    if seconds >= MAX_TIME or not isinstance(log_id, str):
        raise BrokenError("the signature's transparency log entry has an invalid `integratedTime` or `logID`")
    signed_fields = {"body": payload["body"], "integratedTime": seconds, "logID": log_id, "logIndex": index}
    return LogEntry(
        log_id=_decode_hex(log_id),
        signed_bytes=json.dumps(signed_fields, sort_keys=True, separators=(",", ":")).encode(),
        log_signature=decode_base64(document.get("SignedEntryTimestamp"), "SignedEntryTimestamp"),
        integrated_at=datetime.fromtimestamp(seconds, UTC),
        body=body,
    )


def read_certificate(pem: bytes) -> x509.Certificate:
    """Parse a certificate in PEM. Raises BrokenError if it is invalid."""
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise BrokenError("the certificate of the signature cannot be parsed") from None


def _require_number(fields: dict[str, Any], key: str) -> int:
    value = fields.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < MAX_NUMBER:
        raise BrokenError(f"the signature's transparency log entry has an invalid `{key}`")
    return value


def _decode_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise BrokenError("the signature's transparency log entry has an invalid `logID`") from None
