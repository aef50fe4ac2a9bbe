"""The transparency log entry in cosign's older keyless signatures: the signed data, and the time of the entry. Pure.

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
"""Annotation that contains the entry."""
ENTRY_KIND = ("hashedrekord", "0.0.1")
"""Kind and version of the entry: the only ones that cosign wrote for images."""
MAX_NUMBER = 2**53
"""From this number on, our JSON differs from the canonical form that logs sign (RFC 8785)."""
MAX_TIME = 2**33
"""Seconds since the epoch; later times are not valid."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A parsed, unverified entry."""

    log_id: bytes
    """The log's ID as stated in the entry: the hash of its key."""
    signed_bytes: bytes
    """The bytes that the log signed."""
    log_signature: bytes
    """The log's signature of them."""
    integrated_at: datetime
    """Time at which the log added the entry."""
    body: bytes

    def explain_mismatch(self, payload: bytes, signature: bytes, certificate: x509.Certificate) -> str:
        """Return why the entry is not about exactly this signature; an empty string if it is. Raises BrokenError.

        Without this check, an entry for any other signature would prove every signature.
        """
        specification = require_object(parse_json_object(self.body).get("spec"))
        payload_hash = require_object(require_object(specification.get("data")).get("hash"))
        signature_object = require_object(specification.get("signature"))
        entry_certificate = read_certificate(
            decode_base64(require_object(signature_object.get("publicKey")).get("content"))
        )
        if (payload_hash.get("algorithm"), payload_hash.get("value")) != (
            "sha256",
            hashlib.sha256(payload).hexdigest(),
        ):
            return "its log entry is about another payload"
        if decode_base64(signature_object.get("content")) != signature:
            return "its log entry is about another signature"
        return "" if entry_certificate == certificate else "its log entry is about another signer"


def read_entry(text: str) -> LogEntry | UnsupportedSignature:
    """Parse the annotation. Raises BrokenError."""
    document = parse_json_object(text.encode())
    payload = require_object(document.get("Payload"))
    body = decode_base64(payload.get("body"))
    kind = parse_json_object(body)
    if (kind.get("kind"), kind.get("apiVersion")) != ENTRY_KIND:
        return UnsupportedSignature("an older cosign signature with a log entry of an unusual kind")
    seconds, index = (_require_number(payload, key) for key in ("integratedTime", "logIndex"))
    log_id = payload.get("logID")
    if seconds >= MAX_TIME or not isinstance(log_id, str):
        raise BrokenError("its log entry is not valid")
    signed_fields = {"body": payload["body"], "integratedTime": seconds, "logID": log_id, "logIndex": index}
    return LogEntry(
        log_id=_decode_hex(log_id),
        signed_bytes=json.dumps(signed_fields, sort_keys=True, separators=(",", ":")).encode(),
        log_signature=decode_base64(document.get("SignedEntryTimestamp")),
        integrated_at=datetime.fromtimestamp(seconds, UTC),
        body=body,
    )


def read_certificate(pem: bytes) -> x509.Certificate:
    """Parse a PEM certificate. Raises BrokenError."""
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise BrokenError("its certificate is not valid") from None


def _require_number(fields: dict[str, Any], key: str) -> int:
    value = fields.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < MAX_NUMBER:
        raise BrokenError("a number in its log entry is not valid")
    return value


def _decode_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise BrokenError("the log ID in its log entry is not valid") from None
