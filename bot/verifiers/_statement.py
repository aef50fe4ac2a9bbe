"""Parses in-toto statements in DSSE envelopes. This module does no I/O.

https://github.com/secure-systems-lab/dsse/blob/master/protocol.md,
https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.model.image_name import Digest
from bot.model.signature import SignedStatement
from bot.verifiers._encoding import BrokenError, decode_base64, parse_json_object, require_list, require_object

IN_TOTO_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPES = frozenset({"https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1"})
STATEMENTS_BY_PREDICATE: dict[str, SignedStatement] = {
    "https://sigstore.dev/cosign/sign/v1": SignedStatement.SIGNATURE,
    "https://slsa.dev/provenance/v0.2": SignedStatement.PROVENANCE,
    "https://slsa.dev/provenance/v1": SignedStatement.PROVENANCE,
}
"""The predicate types of statements about the origin of a whole image. Other statements, such as a signed SBOM, scan or
test, do not prove that the signer made the image."""
MAX_SIGNATURES = 16
"""The largest number of signatures in one envelope. Every known tool makes a single signature."""
MAX_SUBJECTS = 1024
"""The largest number of subjects in one statement. Releases of many files have a few hundred subjects."""


@dataclass(frozen=True, slots=True)
class DsseEnvelope:
    """A parsed DSSE envelope. Its signatures have not been verified."""

    payload: bytes
    signatures: tuple[bytes, ...]
    signed_bytes: bytes
    """The bytes that the signers signed: the type and the payload, each preceded by its length."""


def read_envelope(document: dict[str, Any]) -> DsseEnvelope:
    """Parse a DSSE envelope that contains an in-toto statement.

    Raises BrokenError if the envelope is invalid, or if its content is not an in-toto statement.
    """
    kind = document.get("payloadType")
    if kind != IN_TOTO_TYPE:
        raise BrokenError("the envelope of the signature does not contain an in-toto statement")
    payload = decode_base64(document.get("payload"), "payload")
    listed = require_list(document.get("signatures"), MAX_SIGNATURES, "signatures")
    signatures = tuple(
        decode_base64(require_object(each, "signatures[]").get("sig"), "signatures[].sig") for each in listed
    )
    signed = b"DSSEv1 %d %s %d " % (len(IN_TOTO_TYPE), IN_TOTO_TYPE.encode(), len(payload)) + payload
    return DsseEnvelope(payload, signatures, signed)


def read_statement(payload: bytes, digest: Digest) -> tuple[SignedStatement | None, bool]:
    """Return the type of an in-toto statement, and whether the statement is about `digest`.

    The type is None if STATEMENTS_BY_PREDICATE does not contain the statement's predicate type. Such a statement is not
    about the origin of an image, but for example an SBOM.

    Raises BrokenError if the statement is invalid.
    """
    document = parse_json_object(payload, "payload")
    if document.get("_type") not in STATEMENT_TYPES:
        raise BrokenError("the payload of the signature is not an in-toto statement")
    subjects = require_list(document.get("subject"), MAX_SUBJECTS, "subject")
    digests = {
        require_object(require_object(subject, "subject[]").get("digest"), "subject[].digest").get("sha256")
        for subject in subjects
    }
    return STATEMENTS_BY_PREDICATE.get(str(document.get("predicateType"))), str(digest).removeprefix(
        "sha256:"
    ) in digests
