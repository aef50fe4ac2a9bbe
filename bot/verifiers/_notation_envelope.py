"""Parses the envelopes of Notation signatures, which are JWS or COSE. This module does no I/O.

An envelope contains the payload, the certificates, the signature, and signed conditions such as the expiry time.

https://github.com/notaryproject/specifications/tree/main/specs contains signature-envelope-jws.md and …-cose.md.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, assert_never

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from bot.model.signature import UnsupportedSignature
from bot.verifiers._certificates import MAX_CHAIN_LENGTH, read_chain
from bot.verifiers._encoding import BrokenError, decode_base64, parse_json_object, require_list, require_object

PAYLOAD_TYPE = "application/vnd.cncf.notary.payload.v1+json"
SCHEME_CONDITION, X509_SCHEME = "io.cncf.notary.signingScheme", "notary.x509"
EXPIRY_CONDITION = "io.cncf.notary.expiry"
TIMESTAMP_HEADER = "io.cncf.notary.timestampSignature"
SUPPORTED_CONDITIONS = frozenset({SCHEME_CONDITION, EXPIRY_CONDITION})
"""The conditions that basebump supports if a signature marks them as critical. All other conditions belong to plug-ins,
or to another signing scheme."""
MAX_CONDITIONS = 32
"""The largest number of conditions that one signature marks as critical."""
_SHA256, _SHA384, _SHA512 = hashes.SHA256(), hashes.SHA384(), hashes.SHA512()
_RSA_ALGORITHMS: dict[int, tuple[str, int, hashes.HashAlgorithm]] = {
    2048: ("PS256", -37, _SHA256),
    3072: ("PS384", -38, _SHA384),
    4096: ("PS512", -39, _SHA512),
}
_EC_ALGORITHMS: dict[int, tuple[str, int, hashes.HashAlgorithm]] = {
    256: ("ES256", -7, _SHA256),
    384: ("ES384", -35, _SHA384),
    521: ("ES512", -36, _SHA512),
}
"""The algorithm for each key size: its name in JWS, its number in COSE, and its hash. No other algorithm is allowed."""


@dataclass(frozen=True, slots=True)
class NotationEnvelope:
    """A parsed envelope. Its signature has not been verified."""

    payload: bytes
    signed_bytes: bytes
    """The bytes that the signer signed."""
    signature: bytes
    algorithm: object
    """The algorithm as stated in the envelope: a name in JWS, a number in COSE."""
    content_type: object
    chain: tuple[x509.Certificate, ...]
    """The certificates; the first one belongs to the signer."""
    conditions: Mapping[str, object]
    """The signed conditions, by their names."""
    critical_conditions: frozenset[object]
    has_timestamp: bool

    @property
    def scheme(self) -> object:
        return self.conditions.get(SCHEME_CONDITION)

    @property
    def expiry(self) -> datetime | None:
        """The time at which the signature expires, as chosen by the signer; None if the signature does not expire.

        Raises BrokenError if the time is invalid.
        """
        value = self.conditions.get(EXPIRY_CONDITION)
        if value is None:
            return None
        try:
            expiry = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        except ValueError:
            raise BrokenError("the expiry time of the signature cannot be parsed") from None
        return expiry if expiry.tzinfo else expiry.replace(tzinfo=UTC)

    def has_valid_signature(self) -> bool:
        """Return True if the signature was made with the key of the signer's certificate, the first one in `chain`.

        The algorithm must be the one that Notation requires for the size of this key. The certificate itself is not
        checked.
        """
        key = self.chain[0].public_key()
        if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
            return False
        algorithms = _RSA_ALGORITHMS if isinstance(key, rsa.RSAPublicKey) else _EC_ALGORITHMS
        if key.key_size not in algorithms:
            return False
        name, number, algorithm = algorithms[key.key_size]
        if self.algorithm not in (name, number):
            return False
        try:
            match key:
                case rsa.RSAPublicKey():
                    pss_padding = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
                    key.verify(self.signature, self.signed_bytes, pss_padding, algorithm)
                case ec.EllipticCurvePublicKey():
                    key.verify(_encode_der(self.signature, key.key_size), self.signed_bytes, ec.ECDSA(algorithm))
                case _:
                    assert_never(key)
        except InvalidSignature:
            return False
        return True


def read_envelope(media_type: str, content: bytes) -> NotationEnvelope | UnsupportedSignature:
    """Parse an envelope. Return UnsupportedSignature if `media_type` is not the type of a JWS or COSE envelope.

    Raises BrokenError if the envelope is invalid.
    """
    match media_type:
        case "application/jose+json":
            return _read_jws(content)
        case "application/cose":
            return _read_cose(content)
        case _:
            return UnsupportedSignature("a Notation signature in an envelope that this release does not support")


def _read_jws(content: bytes) -> NotationEnvelope:
    document = parse_json_object(content, "envelope")
    header = require_object(document.get("header"), "header")
    protected = parse_json_object(_decode_base64url(document.get("protected"), "protected"), "protected")
    return NotationEnvelope(
        payload=_decode_base64url(document.get("payload"), "payload"),
        signed_bytes=f"{document['protected']}.{document['payload']}".encode(),
        signature=_decode_base64url(document.get("signature"), "signature"),
        algorithm=protected.get("alg"),
        content_type=protected.get("cty"),
        chain=read_chain(
            [decode_base64(each, "x5c") for each in require_list(header.get("x5c"), MAX_CHAIN_LENGTH, "x5c")]
        ),
        conditions=protected,
        critical_conditions=_parse_critical(protected.get("crit")),
        has_timestamp=TIMESTAMP_HEADER in header,
    )


def _read_cose(content: bytes) -> NotationEnvelope:
    import cbor2  # noqa: PLC0415 - imported only for images with COSE signatures

    sign1 = _parse_cbor(content)
    if not isinstance(sign1, cbor2.CBORTag) or sign1.tag != _SIGN1:
        raise BrokenError("the envelope of the signature is not a COSE_Sign1 message")
    parts = sign1.value
    if not isinstance(parts, list | tuple) or len(parts) != 4:  # noqa: PLR2004 - RFC 9052, 4.2
        raise BrokenError("the envelope of the signature is not a COSE_Sign1 message")
    protected, unprotected, payload, signature = parts
    if not all(isinstance(each, bytes) for each in (protected, payload, signature)):
        raise BrokenError("the envelope of the signature is not a COSE_Sign1 message")
    conditions, header = _require_map(_parse_cbor(protected)), _require_map(unprotected)
    chain = header.get(_X5CHAIN)
    return NotationEnvelope(
        payload=payload,
        signed_bytes=cbor2.dumps(["Signature1", protected, b"", payload]),
        signature=signature,
        algorithm=conditions.get(_ALGORITHM),
        content_type=conditions.get(_CONTENT_TYPE),
        chain=read_chain(list(chain) if isinstance(chain, list | tuple) else [chain]),
        conditions={name: value for name, value in conditions.items() if isinstance(name, str)},
        critical_conditions=_parse_critical(conditions.get(_CRITICAL)),
        has_timestamp=TIMESTAMP_HEADER in header,
    )


_SIGN1, _ALGORITHM, _CRITICAL, _CONTENT_TYPE, _X5CHAIN = 18, 1, 2, 3, 33
"""https://www.rfc-editor.org/rfc/rfc9052, 3.1 and 4.2; https://www.rfc-editor.org/rfc/rfc9360"""


def _parse_cbor(content: bytes) -> Any:
    import cbor2  # noqa: PLC0415 - the same

    try:
        return cbor2.loads(content)
    except (cbor2.CBORDecodeError, ValueError, TypeError, RecursionError, OverflowError):
        raise BrokenError("the envelope of the signature contains invalid CBOR") from None


def _require_map(value: object) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):  # inside a tag, the library returns immutable maps, and tuples instead of lists
        raise BrokenError("a header of the signature's envelope is not a CBOR map")
    return value


def _parse_critical(names: object) -> frozenset[object]:
    return frozenset(str(each) for each in require_list(names, MAX_CONDITIONS, "crit"))


def _decode_base64url(text: object, name: str) -> bytes:
    """Decode base64url without padding (RFC 7515).

    Raises BrokenError if `text` is not a valid base64url string. The error message contains `name`, which is the name
    of the value.
    """
    if not isinstance(text, str):
        raise BrokenError(f"`{name}` of the signature must be a base64url string")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BrokenError(f"`{name}` of the signature is not valid base64url") from None


def _encode_der(signature: bytes, key_size: int) -> bytes:
    """Convert an ECDSA signature to DER, the form that the cryptography library verifies.

    JWS and COSE write the two numbers of a signature one after the other, in equal lengths. If the length is wrong,
    return empty bytes, which the library rejects.
    """
    half = (key_size + 7) // 8
    if len(signature) != 2 * half:
        return b""
    return utils.encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
