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
from bot.verifiers._encoding import BrokenError, as_object, decoded, json_object

ENTRY = "dev.sigstore.cosign/bundle"
"""Annotation that contains the entry."""
KIND = ("hashedrekord", "0.0.1")
"""Kind and version of the entry: the only ones that cosign wrote for images."""
MAX_NUMBER = 2**53
"""From this number on, our JSON differs from the canonical form that logs sign (RFC 8785)."""
MAX_TIME = 2**33
"""Seconds since the epoch; later times are not valid."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A parsed, unverified entry."""

    log: bytes
    """The log's ID as stated in the entry: the hash of its key."""
    promised: bytes
    """The bytes that the log signed."""
    promise: bytes
    """The log's signature of them."""
    at: datetime
    """Time at which the log added the entry."""
    body: bytes

    def why_other(self, payload: bytes, signature: bytes, certificate: x509.Certificate) -> str:
        """Return why the entry is not about exactly this signature; an empty string if it is. Raises BrokenError.

        Without this check, an entry for any other signature would prove every signature.
        """
        specification = as_object(json_object(self.body).get("spec"))
        hashed = as_object(as_object(specification.get("data")).get("hash"))
        signed = as_object(specification.get("signature"))
        named = read_certificate(decoded(as_object(signed.get("publicKey")).get("content")))
        if (hashed.get("algorithm"), hashed.get("value")) != ("sha256", hashlib.sha256(payload).hexdigest()):
            return "its log entry is about another payload"
        if decoded(signed.get("content")) != signature:
            return "its log entry is about another signature"
        return "" if named == certificate else "its log entry is about another signer"


def read_entry(text: str) -> LogEntry | UnsupportedSignature:
    """Parse the annotation. Raises BrokenError."""
    document = json_object(text.encode())
    promised = as_object(document.get("Payload"))
    body = decoded(promised.get("body"))
    kind = json_object(body)
    if (kind.get("kind"), kind.get("apiVersion")) != KIND:
        return UnsupportedSignature("an older cosign signature with a log entry of an unusual kind")
    seconds, index = (_number(promised, key) for key in ("integratedTime", "logIndex"))
    log = promised.get("logID")
    if seconds >= MAX_TIME or not isinstance(log, str):
        raise BrokenError("its log entry is not valid")
    words = {"body": promised["body"], "integratedTime": seconds, "logID": log, "logIndex": index}
    return LogEntry(
        log=_unhexed(log),
        promised=json.dumps(words, sort_keys=True, separators=(",", ":")).encode(),
        promise=decoded(document.get("SignedEntryTimestamp")),
        at=datetime.fromtimestamp(seconds, UTC),
        body=body,
    )


def read_certificate(pem: bytes) -> x509.Certificate:
    """Parse a PEM certificate. Raises BrokenError."""
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise BrokenError("its certificate is not valid") from None


def _number(words: dict[str, Any], key: str) -> int:
    value = words.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < MAX_NUMBER:
        raise BrokenError("a number in its log entry is not valid")
    return value


def _unhexed(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise BrokenError("the log ID in its log entry is not valid") from None
