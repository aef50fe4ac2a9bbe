"""The entry of a log that cosign's older signatures without a key bring along: what it vouches for, and when. Pure.

https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#properties has the annotation,
https://github.com/sigstore/rekor/blob/main/pkg/types/hashedrekord/v0.0.1/hashedrekord_v0_0_1_schema.json the entry.
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
"""The annotation."""
KIND = ("hashedrekord", "0.0.1")
"""What kind of entry it is, and its version: the only one that cosign made of images."""
MAX_NUMBER = 2**53
"""Numbers from here on are written otherwise than we do, in the form that logs sign (RFC 8785)."""
MAX_TIME = 2**33
"""Seconds since 1970 that are no time of anybody's."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An entry that was read, and not verified."""

    log: bytes
    """Which log it is of, as it says itself: the hash of its key."""
    promised: bytes
    """What the log signed."""
    promise: bytes
    """Its signature."""
    at: datetime
    """When the log took it in."""
    body: bytes

    def why_other(self, payload: bytes, signature: bytes, certificate: x509.Certificate) -> str:
        """Say in which way it is not about exactly this signature; empty where it is. Raises BrokenError.

        Without this, one entry of anybody's would vouch for every signature.
        """
        specification = as_object(json_object(self.body).get("spec"))
        hashed = as_object(as_object(specification.get("data")).get("hash"))
        signed = as_object(specification.get("signature"))
        named = read_certificate(decoded(as_object(signed.get("publicKey")).get("content")))
        if (hashed.get("algorithm"), hashed.get("value")) != ("sha256", hashlib.sha256(payload).hexdigest()):
            return "its entry in the log is about something else"
        if decoded(signed.get("content")) != signature:
            return "its entry in the log is about another signature"
        return "" if named == certificate else "its entry in the log is about another signer"


def read_entry(text: str) -> LogEntry | UnsupportedSignature:
    """Read the annotation. Raises BrokenError."""
    document = json_object(text.encode())
    promised = as_object(document.get("Payload"))
    body = decoded(promised.get("body"))
    kind = json_object(body)
    if (kind.get("kind"), kind.get("apiVersion")) != KIND:
        return UnsupportedSignature("an older one of cosign's whose entry in the log is of an unusual kind")
    seconds, index = (_number(promised, key) for key in ("integratedTime", "logIndex"))
    log = promised.get("logID")
    if seconds >= MAX_TIME or not isinstance(log, str):
        raise BrokenError("its entry in the log is none")
    words = {"body": promised["body"], "integratedTime": seconds, "logID": log, "logIndex": index}
    return LogEntry(
        log=_unhexed(log),
        promised=json.dumps(words, sort_keys=True, separators=(",", ":")).encode(),
        promise=decoded(document.get("SignedEntryTimestamp")),
        at=datetime.fromtimestamp(seconds, UTC),
        body=body,
    )


def read_certificate(pem: bytes) -> x509.Certificate:
    """Read a certificate in PEM form. Raises BrokenError."""
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise BrokenError("its certificate is none") from None


def _number(words: dict[str, Any], key: str) -> int:
    value = words.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < MAX_NUMBER:
        raise BrokenError("a number in its entry in the log is none")
    return value


def _unhexed(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise BrokenError("the log that it names is none") from None
